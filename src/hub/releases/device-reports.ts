import { DriftAlarm } from "../../contracts/drift-alarm.ts";
import { ReleaseReport } from "../../contracts/release-report.ts";
import type { Database } from "../store/database.ts";

/** Keeps the newest report of a device; an older one that comes late changes nothing. */
export async function keepReport({ query }: Database, report: ReleaseReport, receivedAt: number): Promise<void> {
  const row = { at: Date.parse(report.at), received_at: receivedAt, json: JSON.stringify(report) };
  await query
    .insertInto("device_reports")
    .values({ device_id: report.device, ...row })
    .onConflict((conflict) => conflict.column("device_id").doUpdateSet(row).where("device_reports.at", "<=", row.at))
    .execute();
}

/** An alarm that comes twice is kept once. */
export async function keepAlarm({ query }: Database, alarm: DriftAlarm, receivedAt: number): Promise<void> {
  const { device, stream, direction, at } = alarm;
  await query
    .insertInto("drift_alarms")
    .values({
      ...{ device_id: device, stream, direction, at: Date.parse(at), received_at: receivedAt },
      ...{ json: JSON.stringify(alarm), seen_at: null, seen_by: null },
    })
    .onConflict((conflict) => conflict.columns(["device_id", "stream", "direction", "at"]).doNothing())
    .execute();
}

export interface KeptAlarm extends DriftAlarm {
  readonly row: number;
  readonly seenAt: number | null;
  readonly seenBy: string | null;
}

export interface FleetDevice {
  readonly id: string;
  readonly line: string;
  readonly lastSeenAt: number | null;
  readonly report: ReleaseReport | null;
  readonly reportAt: number | null;
  /** Newest first. */
  readonly alarms: readonly KeptAlarm[];
}

const MOST_ALARMS = 20;

/** Devices of a project that are not revoked, each with what it last said. */
export async function fleetOf({ query }: Database, project: string): Promise<FleetDevice[]> {
  const devices = await query
    .selectFrom("devices")
    .leftJoin("device_reports", "device_reports.device_id", "devices.id")
    .select(["devices.id", "devices.line", "devices.last_seen_at", "device_reports.json", "device_reports.received_at"])
    .where("devices.project_id", "=", project)
    .where("devices.revoked_at", "is", null)
    .orderBy("devices.line")
    .orderBy("devices.id")
    .execute();
  return Promise.all(
    devices.map(async (device) => {
      const alarms = await query
        .selectFrom("drift_alarms")
        .selectAll()
        .where("device_id", "=", device.id)
        .orderBy("at", "desc")
        .limit(MOST_ALARMS)
        .execute();
      return {
        ...{ id: device.id, line: device.line, lastSeenAt: device.last_seen_at, reportAt: device.received_at },
        report: device.json === null ? null : ReleaseReport.parse(JSON.parse(device.json)),
        alarms: alarms.map(({ row, json, seen_at: seenAt, seen_by: seenBy }) => {
          return { ...DriftAlarm.parse(JSON.parse(json)), row, seenAt, seenBy };
        }),
      };
    }),
  );
}

/** A person looked after it. false: no such alarm. */
export async function markSeen(
  { query }: Database,
  row: number,
  { by, at }: { readonly by: string; readonly at: number },
): Promise<boolean> {
  const marked = await query
    .updateTable("drift_alarms")
    .set({ seen_at: at, seen_by: by })
    .where("row", "=", row)
    .executeTakeFirst();
  return marked.numUpdatedRows > 0n;
}
