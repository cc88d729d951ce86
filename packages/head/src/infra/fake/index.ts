export {
  FakeCloud,
  type FakeCloudOptions,
  type FakeDesk,
  type FakeHost,
  type FakeMachineRecord,
} from './cloud.ts';
export { FakeConfigError, type FakeInfra, type FakeType, fakeFaults, parseFakeConfig } from './config.ts';
