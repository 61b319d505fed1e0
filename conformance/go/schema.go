package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"

	"sigs.k8s.io/yaml"
)

// schema is the part of a CRD's openAPIV3Schema that strict decoding follows.
type schema struct {
	Type                 string            `json:"type"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Items                *schema           `json:"items"`
	Required             []string          `json:"required"`
	Enum                 []any             `json:"enum"`
	Pattern              string            `json:"pattern"`
	IntOrString          bool              `json:"x-kubernetes-int-or-string"`
	PreserveUnknown      bool              `json:"x-kubernetes-preserve-unknown-fields"`
}

type definition struct {
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPIV3Schema schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

func readSchemas(files []string) (map[string]schema, error) {
	found := map[string]schema{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var read definition
		if err := yaml.Unmarshal(text, &read); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, version := range read.Spec.Versions {
			key := read.Spec.Group + "/" + version.Name + " " + read.Spec.Names.Kind
			found[key] = version.Schema.OpenAPIV3Schema
		}
	}
	return found, nil
}

// check follows a value along the schema. Metadata is the API server's own, and any object at the root has it.
func (s schema) check(value any, path string) error {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		return fmt.Errorf("%s: %v is none of %v", path, value, s.Enum)
	}
	switch typed := value.(type) {
	case map[string]any:
		return s.checkObject(typed, path)
	case []any:
		if s.Type != "array" {
			return fmt.Errorf("%s: expected %s, found a list", path, s.Type)
		}
		for index, item := range typed {
			if err := s.Items.check(item, fmt.Sprintf("%s[%d]", path, index)); err != nil {
				return err
			}
		}
		return nil
	case string:
		if s.Type != "string" && !s.IntOrString {
			return fmt.Errorf("%s: expected %s, found the text %q", path, s.Type, typed)
		}
		if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(typed) {
			return fmt.Errorf("%s: %q does not match %s", path, typed, s.Pattern)
		}
	case bool:
		if s.Type != "boolean" {
			return fmt.Errorf("%s: expected %s, found %v", path, s.Type, typed)
		}
	case float64, int64:
		if s.Type != "integer" && s.Type != "number" && !s.IntOrString {
			return fmt.Errorf("%s: expected %s, found the number %v", path, s.Type, typed)
		}
	}
	return nil
}

func (s schema) checkObject(value map[string]any, path string) error {
	if s.Type != "object" {
		return fmt.Errorf("%s: expected %s, found an object", path, s.Type)
	}
	for _, name := range s.Required {
		if _, given := value[name]; !given {
			return fmt.Errorf("%s: %s is required", path, name)
		}
	}
	for name, item := range value {
		property, known := s.Properties[name]
		if path == "" && name == "metadata" {
			continue
		}
		if !known && s.AdditionalProperties != nil {
			property, known = *s.AdditionalProperties, true
		}
		if !known && s.PreserveUnknown {
			continue
		}
		if !known {
			return fmt.Errorf("%s: unknown field %q", path, name)
		}
		if err := property.check(item, path+"."+name); err != nil {
			return err
		}
	}
	return nil
}
