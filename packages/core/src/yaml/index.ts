/** YAML text as plain documents that know their places. The one folder that loads the package `yaml`. */
export { readYaml, YAML_LIMITS } from './read.ts';
