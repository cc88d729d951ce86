/** `/v1/infra` and `/v1/machines`: where machines come from, and the machines. Prices are US dollars per hour. */
import { z } from 'zod';
import { MACHINE_STATUSES } from '../machine.ts';

const reason = z.object({ code: z.string(), message: z.string() }).nullable();

export const machineTypeView = z.object({
  infra: z.string(),
  type: z.string(),
  region: z.string().nullable(),
  zone: z.string().nullable(),
  cpus: z.number(),
  memoryMiB: z.int(),
  accelerators: z.object({ name: z.string(), count: z.int() }).nullable(),
  pricePerHour: z.number(),
  /** Null: not to be had as spot. */
  spotPricePerHour: z.number().nullable(),
  /** How many could be had now; null: unknown. */
  available: z.int().nullable(),
  /** Estimated time until it is ready; null: unknown. */
  startSeconds: z.number().nullable(),
});
export type MachineTypeView = z.output<typeof machineTypeView>;

export const infraView = z.object({
  /** `pool/default`, `local`, `ssh/lab`, `fake/demo`. */
  name: z.string(),
  /** shared: clusters share its machines. dedicated: each node of a cluster is a machine of its own. */
  sharing: z.enum(['shared', 'dedicated']),
  features: z.object({ stop: z.boolean(), spot: z.boolean() }),
  enabled: z.boolean(),
  /** Why it cannot be used, or what is wrong with a part of it. */
  reason,
  /** Whether its own machines are wanted: for `local` and `ssh`. */
  up: z.boolean(),
  types: z.array(machineTypeView),
  /** Workers that are ONLINE. */
  workers: z.int(),
  /** Machines that exist, or may exist. */
  machines: z.int(),
  /** What these cost together. */
  costPerHour: z.number(),
  /** Machines with the tag of this herd that no record knows. */
  unknownMachines: z.array(z.object({ tag: z.string(), id: z.string(), status: z.string() })),
});
export type InfraView = z.output<typeof infraView>;
/** How a host's own sshd is reached, from where the head is. */
export const sshAccess = z.object({
  /** Of the worker there, as clusters show it. */
  address: z.string(),
  host: z.string(),
  port: z.int(),
  user: z.string(),
  /** A path on the machine of the head; null: the usual keys, or an agent. */
  identityFile: z.string().nullable(),
});
export type SshAccess = z.output<typeof sshAccess>;
export const sshAccessPage = z.object({ items: z.array(sshAccess) });

export const infraPage = z.object({ items: z.array(infraView) });
export type InfraPage = z.output<typeof infraPage>;

export const infraListQuery = z.strictObject({
  /** Asks the providers now, whatever is known. */
  refresh: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
});

export const infraDownQuery = z.strictObject({
  /** Its machines stop, and keep what lies on them; `up` brings them back. */
  keep: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
});

export const machineView = z.object({
  id: z.string(),
  name: z.string().nullable(),
  project: z.string(),
  status: z.enum(MACHINE_STATUSES),
  desired: z.enum(['RUNNING', 'STOPPED', 'GONE']),
  reason,
  /** Why it did not come up, or was lost. */
  failure: reason,
  since: z.iso.datetime(),
  /** `clusters/<id>`, `infra/<name>`. */
  owner: z.string(),
  infra: z.string(),
  type: z.string(),
  region: z.string().nullable(),
  zone: z.string().nullable(),
  spot: z.boolean(),
  pricePerHour: z.number(),
  /** So far, US dollars. It grows until the provider lists the machine no more. */
  cost: z.number(),
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
  /** Also those that are gone, of the last day. */
  all: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
});
