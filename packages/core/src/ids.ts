/**
 * Branded identifiers. All are UUID version 4 in lower case; the brand keeps a worker's id from being passed
 * where an instance's is meant. They carry no order: order and cursors are `seq`.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type InstanceId = Branded<'InstanceId'>;
export type ReservationId = Branded<'ReservationId'>;
export type ClusterId = Branded<'ClusterId'>;
export type JobId = Branded<'JobId'>;
export type RequestId = Branded<'RequestId'>;
export type GangId = Branded<'GangId'>;
export type MachineId = Branded<'MachineId'>;
export type WorkerId = Branded<'WorkerId'>;
export type HerdId = Branded<'HerdId'>;

/** The form of all ids: version 4, lower case. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a lower-case UUID of version 4, the only form in which an id is accepted. */
export const isUuid = (text: string): boolean => UUID.test(text);
