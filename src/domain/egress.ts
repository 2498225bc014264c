/** A row of `closed_egress`: containers of the environment may not begin connections to anywhere outside. */
export interface ClosedEgressRecord {
  environmentId: string;
  since: number;
}
