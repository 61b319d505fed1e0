import type { Condition, KubernetesObject, ResourceType } from '@tagboat/api';
import { describeError } from '@tagboat/base';
import type { CustomKind, ScalePaths } from '../kinds.ts';
import type { Schema } from '../schema/schema.ts';
import type { Cause } from '../status.ts';
import { ageColumn, type Column, nameColumn, pathColumn } from '../table/column.ts';
import { jsonPath } from '../table/json-path.ts';
import { isDnsLabel, isDnsSubdomain } from '../validation/metadata.ts';
import { compileRule } from '../validation/rules.ts';

/** apiextensions/v1 CustomResourceDefinitionVersion. */
export interface CustomVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: Schema };
  readonly subresources?: {
    readonly status?: object;
    readonly scale?: {
      readonly specReplicasPath: string;
      readonly statusReplicasPath: string;
      readonly labelSelectorPath?: string;
    };
  };
  readonly additionalPrinterColumns?: readonly {
    readonly name: string;
    readonly type: string;
    readonly jsonPath: string;
    readonly description?: string;
    readonly format?: string;
    readonly priority?: number;
  }[];
}

export interface CustomNames {
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

export interface CustomDefinitionSpec {
  readonly group: string;
  readonly names: CustomNames;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly versions: readonly CustomVersion[];
  readonly conversion?: { readonly strategy?: string };
  readonly preserveUnknownFields?: boolean;
}

export interface CustomDefinitionStatus {
  readonly conditions?: Condition[];
  readonly acceptedNames?: CustomNames;
  readonly storedVersions?: readonly string[];
}

export type CustomDefinition = KubernetesObject<CustomDefinitionSpec, CustomDefinitionStatus>;

/** The type of one served version. */
export function customType(spec: CustomDefinitionSpec, version: CustomVersion): ResourceType {
  const { names } = spec;
  const { status, scale } = version.subresources ?? {};
  return {
    group: spec.group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular || names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    namespaced: spec.scope === 'Namespaced',
    subresources: [...(status ? (['status'] as const) : []), ...(scale ? (['scale'] as const) : [])],
    ...(names.categories ? { categories: names.categories } : {}),
  };
}

/** What the server needs to know of one version beside its type and schema. */
export function customKind(version: CustomVersion, type: ResourceType): CustomKind {
  const { scale } = version.subresources ?? {};
  return {
    columns: customColumns(version),
    ...(scale ? { scale: scalePaths(scale) } : {}),
    ...(version.deprecated
      ? {
          deprecationWarning:
            version.deprecationWarning ?? `${type.group}/${version.name} ${type.kind} is deprecated`,
        }
      : {}),
  };
}

function customColumns({ additionalPrinterColumns = [] }: CustomVersion): Column[] {
  if (additionalPrinterColumns.length === 0) return [nameColumn, ageColumn];
  const columns = additionalPrinterColumns.map(({ name, type, jsonPath: path, ...rest }) =>
    pathColumn(name, path, { ...rest, type: type as Column['type'] }),
  );
  return [nameColumn, ...columns];
}

const fields = (path: string) => path.split('.').filter(Boolean);

function scalePaths(scale: NonNullable<NonNullable<CustomVersion['subresources']>['scale']>): ScalePaths {
  return {
    specReplicas: fields(scale.specReplicasPath),
    statusReplicas: fields(scale.statusReplicasPath),
    ...(scale.labelSelectorPath ? { selector: fields(scale.labelSelectorPath) } : {}),
  };
}

const required = (field: string): Cause => ({
  reason: 'FieldValueRequired',
  message: 'Required value',
  field,
});
const invalidValue = (field: string, value: unknown, message: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${message}`,
  field,
});

/** What is wrong with a definition that its own schema does not say. */
export function definitionCauses({ metadata, spec }: CustomDefinition): Cause[] {
  if (!spec?.names || !Array.isArray(spec.versions)) return [];
  const causes: Cause[] = [];
  const { plural, kind } = spec.names;
  if (!isDnsSubdomain(spec.group) || !spec.group.includes('.'))
    causes.push(invalidValue('spec.group', spec.group, 'should be a domain with at least one dot'));
  if (!isDnsLabel(plural)) causes.push(invalidValue('spec.names.plural', plural, 'expected a DNS label'));
  if (!isDnsLabel(kind.toLowerCase()))
    causes.push(invalidValue('spec.names.kind', kind, 'expected a DNS label'));
  if (metadata.name !== `${plural}.${spec.group}`)
    causes.push(invalidValue('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (spec.versions.filter(({ storage }) => storage).length !== 1)
    causes.push(
      invalidValue(
        'spec.versions',
        spec.versions.map(({ name }) => name),
        'must have exactly one version marked as storage version',
      ),
    );
  if (spec.conversion?.strategy && spec.conversion.strategy !== 'None')
    causes.push(
      invalidValue('spec.conversion.strategy', spec.conversion.strategy, 'only None is acted on here'),
    );
  for (const [index, version] of spec.versions.entries())
    causes.push(...versionCauses(version, `spec.versions[${index}]`));
  return causes;
}

function versionCauses(version: CustomVersion, field: string): Cause[] {
  const schema = version.schema?.openAPIV3Schema;
  if (!schema) return [required(`${field}.schema.openAPIV3Schema`)];
  const causes: Cause[] = [];
  if (schema.type !== 'object')
    causes.push(
      invalidValue(`${field}.schema.openAPIV3Schema.type`, schema.type, 'must be object at the root'),
    );
  causes.push(...patternCauses(schema, `${field}.schema.openAPIV3Schema`));
  for (const [at, { jsonPath: path }] of (version.additionalPrinterColumns ?? []).entries())
    try {
      jsonPath(path);
    } catch (error) {
      causes.push(
        invalidValue(`${field}.additionalPrinterColumns[${at}].jsonPath`, path, describeError(error)),
      );
    }
  return causes;
}

function patternCauses(value: unknown, field: string): Cause[] {
  if (typeof value !== 'object' || value === null) return [];
  const { pattern, 'x-kubernetes-validations': rules } = value as Schema;
  const own: Cause[] = [];
  for (const { rule } of Array.isArray(rules) ? rules : [])
    try {
      compileRule(rule);
    } catch (error) {
      const why = describeError(error).split('\n')[0];
      own.push(invalidValue(`${field}.x-kubernetes-validations`, rule, `compilation failed: ${why}`));
    }
  if (typeof pattern === 'string')
    try {
      new RegExp(pattern);
    } catch (error) {
      own.push(invalidValue(`${field}.pattern`, pattern, (error as Error).message));
    }
  return [
    ...own,
    ...Object.entries(value).flatMap(([name, inner]) => patternCauses(inner, `${field}.${name}`)),
  ];
}
