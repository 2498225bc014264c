import type { Generated } from "kysely";
import type { ClosedEgressRecord } from "../domain/egress.ts";
import type { EventRecord } from "../domain/event.ts";
import type { GuardActRecord } from "../domain/guard.ts";
import type * as records from "../domain/records.ts";
import type * as supervision from "../domain/supervision.ts";

/** The tables, in camel case (Kysely's CamelCasePlugin translates); rows are the records of `domain`. */
export interface Schema {
  users: records.UserRecord;
  sessions: records.SessionRecord;
  organizations: records.OrganizationRecord;
  organizationMembers: records.OrganizationMemberRecord;
  apiKeys: records.ApiKeyRecord;
  sites: records.SiteRecord;
  environments: records.EnvironmentRecord;
  volumes: records.VolumeRecord;
  envVars: records.EnvVarRecord;
  deployments: records.DeploymentRecord;
  deploymentSteps: records.DeploymentStepRecord;
  deploymentLogs: records.DeploymentLogRecord;
  builds: records.BuildRecord;
  releases: records.ReleaseRecord;
  replicas: records.ReplicaRecord;
  hooks: records.HookRecord;
  hookDeliveriesIn: Omit<records.HookDeliveryInRecord, "id"> & { id: Generated<number> };
  usageRollups: records.UsageRollupRecord;
  usageWatermarks: records.UsageWatermarkRecord;
  auditLog: records.AuditEntryRecord;
  securityEvents: records.SecurityEventRecord;
  settings: records.SettingRecord;
  backups: records.BackupRecord;
  domains: records.DomainRecord;
  acmeAccounts: records.AcmeAccountRecord;
  certificates: records.CertificateRecord;
  dnsProviders: records.DnsProviderRecord;
  edgeRules: records.EdgeRulesRecord;
  pauses: records.PauseRecord;
  trafficSplits: records.TrafficSplitRecord;
  events: EventRecord;
  guardActs: GuardActRecord;
  closedEgress: ClosedEgressRecord;
  restorePriorities: supervision.RestorePriorityRecord;
  cpuBursts: supervision.CpuBurstRecord;
  replicaExits: supervision.ReplicaExitRecord;
  bandwidthUsedUp: records.BandwidthUsedUpRecord;
}
