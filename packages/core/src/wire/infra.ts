/** `/v1/infra` and `/v1/machines`: where machines come from, and the machines. Prices are US dollars per hour. */
import { z } from 'zod';
import { MACHINE_STATUSES } from '../machine.ts';
import { flag, reason } from './fields.ts';

export const machineStatus = z.enum(MACHINE_STATUSES);

export const machineTypeView = z.object({
  infra: z.string(),
  type: z.string(),
  region: z.string().nullable(),
  zone: z.string().nullable(),
  cpus: z.number(),
  memoryMiB: z.int(),
  accelerators: z.object({ name: z.string(), count: z.int() }).nullable(),
  pricePerHour: z.number(),
  spotPricePerHour: z.number().nullable().describe('Null: not to be had as spot.'),
  available: z.int().nullable().describe('How many could be had now; null: unknown.'),
  startSeconds: z.number().nullable().describe('Estimated time until it is ready; null: unknown.'),
});
export type MachineTypeView = z.output<typeof machineTypeView>;

export const infraView = z.object({
  name: z.string().describe('`pool/default`, `local`, `ssh/lab`, `fake/demo`.'),
  sharing: z
    .enum(['shared', 'dedicated'])
    .describe(
      'shared: clusters share its machines. dedicated: each node of a cluster is a machine of its own.',
    ),
  features: z.object({ stop: z.boolean(), spot: z.boolean() }),
  enabled: z.boolean(),
  reason: reason.nullable().describe('Why it cannot be used, or what is wrong with a part of it.'),
  up: z.boolean().describe('Whether its own machines are wanted: for `local` and `ssh`.'),
  types: z.array(machineTypeView),
  workers: z.int().describe('Workers that are ONLINE.'),
  machines: z.int().describe('Machines that exist, or may exist.'),
  costPerHour: z.number().describe('What these cost together.'),
  unknownMachines: z
    .array(z.object({ tag: z.string(), id: z.string(), status: z.string() }))
    .describe('Machines with the tag of this herd that no record knows.'),
});
export type InfraView = z.output<typeof infraView>;
/** How a host's own sshd is reached, from where the head is. */
export const sshAccess = z.object({
  address: z.string().describe('Of the worker there, as clusters show it.'),
  host: z.string(),
  port: z.int(),
  user: z.string(),
  identityFile: z
    .string()
    .nullable()
    .describe('A path on the machine of the head; null: the usual keys, or an agent.'),
});
export type SshAccess = z.output<typeof sshAccess>;
export const sshAccessPage = z.object({ items: z.array(sshAccess) });

export const infraPage = z.object({ items: z.array(infraView) });
export type InfraPage = z.output<typeof infraPage>;

export const infraListQuery = z.strictObject({
  refresh: flag.optional().describe('Asks the providers now, whatever is known.'),
});

export const infraDownQuery = z.strictObject({
  keep: flag.optional().describe('Its machines stop, and keep what lies on them; `up` brings them back.'),
});

export const machineView = z.object({
  id: z.string(),
  name: z.string().nullable(),
  project: z.string(),
  status: machineStatus,
  desired: z.enum(['RUNNING', 'STOPPED', 'GONE']),
  reason: reason.nullable(),
  failure: reason.nullable().describe('Why it did not come up, or was lost.'),
  since: z.iso.datetime(),
  owner: z.string().describe('`clusters/<id>`, `infra/<name>`.'),
  infra: z.string(),
  type: z.string(),
  region: z.string().nullable(),
  zone: z.string().nullable(),
  spot: z.boolean(),
  pricePerHour: z.number(),
  cost: z.number().describe('So far, US dollars. It grows until the provider lists the machine no more.'),
  tag: z.string(),
  providerId: z.string().nullable(),
  address: z.string().nullable(),
  worker: z.string().nullable(),
  requestedBy: z.string(),
  createdAt: z.iso.datetime(),
});
export type MachineView = z.output<typeof machineView>;
export const machinePage = z.object({ items: z.array(machineView) });
export type MachinePage = z.output<typeof machinePage>;

export const machineListQuery = z.strictObject({
  all: flag.optional().describe('Also those that are gone, of the last day.'),
});
