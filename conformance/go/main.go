// Reads YAML documents from standard input and decodes each strictly, as the API that it is for would: Tekton's and
// Kubernetes' into their published Go types, Argo CD's and KServe's by the schema of their published CRDs, whose files
// are the arguments. Prints a line per document; ends with 1 where one is not accepted.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tektoncd/pipeline/pkg/apis/config"
	pipelinev1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

var types = map[string]func() any{
	"tekton.dev/v1 Task":        func() any { return &pipelinev1.Task{} },
	"tekton.dev/v1 Pipeline":    func() any { return &pipelinev1.Pipeline{} },
	"tekton.dev/v1 PipelineRun": func() any { return &pipelinev1.PipelineRun{} },
	"tekton.dev/v1 TaskRun":     func() any { return &pipelinev1.TaskRun{} },
	"apps/v1 Deployment":        func() any { return &appsv1.Deployment{} },
	"batch/v1 CronJob":          func() any { return &batchv1.CronJob{} },
	"batch/v1 Job":              func() any { return &batchv1.Job{} },
	"v1 ConfigMap":              func() any { return &corev1.ConfigMap{} },
	"v1 Namespace":              func() any { return &corev1.Namespace{} },
	"v1 PersistentVolumeClaim":  func() any { return &corev1.PersistentVolumeClaim{} },
	"v1 Service":                func() any { return &corev1.Service{} },
	"v1 ServiceAccount":         func() any { return &corev1.ServiceAccount{} },
}

type document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Status json.RawMessage `json:"status"`
}

func (d document) key() string { return d.APIVersion + " " + d.Kind }

func accept(text []byte, schemas map[string]schema) (document, error) {
	var about document
	if err := yaml.Unmarshal(text, &about); err != nil {
		return about, err
	}
	if make, known := types[about.key()]; known {
		value := make()
		if err := yaml.UnmarshalStrict(text, value); err != nil {
			return about, err
		}
		return about, valid(value, len(about.Status) > 0)
	}
	if schema, known := schemas[about.key()]; known {
		var value map[string]any
		if err := yaml.UnmarshalStrict(text, &value); err != nil {
			return about, err
		}
		return about, schema.check(value, "")
	}
	return about, fmt.Errorf("no published type or schema of %s is known here", about.key())
}

// allOpen is a cluster with every feature gate open, where objects that use alpha features are alive.
func allOpen(ctx context.Context) context.Context {
	flags, err := config.NewFeatureFlagsFromMap(map[string]string{
		"enable-api-fields": "alpha", "enable-artifacts": "true",
		"enable-cel-in-whenexpression": "true", "enable-param-enum": "true",
	})
	if err != nil {
		panic(err)
	}
	settings := config.FromContextOrDefaults(ctx)
	settings.FeatureFlags = flags
	return config.ToContext(ctx, settings)
}

// valid asks Tekton's own admission, as its webhook does.
func valid(value any, alive bool) error {
	ctx := context.Background()
	if alive {
		ctx = allOpen(ctx)
	}
	if defaulted, ok := value.(apis.Defaultable); ok {
		defaulted.SetDefaults(ctx)
	}
	if validated, ok := value.(apis.Validatable); ok {
		if problem := validated.Validate(ctx); problem != nil {
			return problem
		}
	}
	return nil
}

func run(in io.Reader, files []string) error {
	schemas, err := readSchemas(files)
	if err != nil {
		return err
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(in))
	var failed error
	for {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return failed
		}
		if err != nil {
			return err
		}
		about, err := accept(part, schemas)
		if err != nil {
			failed = errors.New("not everything was accepted")
			fmt.Printf("refused %s %s: %v\n", about.key(), about.Metadata.Name, err)
			continue
		}
		fmt.Printf("accepted %s %s\n", about.key(), about.Metadata.Name)
	}
}

func main() {
	if err := run(os.Stdin, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
