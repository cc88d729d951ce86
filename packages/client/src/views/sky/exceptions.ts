/** The seed's `sky.exceptions`. */
export { JobExitCode } from './enums.ts';
export {
  ApiServerConnectionError,
  CloudUserIdentityError,
  ClusterDoesNotExist,
  ClusterNotUpError,
  ClusterOwnerIdentityMismatchError,
  CommandError,
  type FailedTry,
  InvalidClusterNameError,
  NoCloudAccessError,
  NotSupportedError,
  RequestCancelled,
  ResourcesMismatchError,
  ResourcesUnavailableError,
  RuntimeError,
  SkyError,
  ValueError,
} from './errors.ts';
