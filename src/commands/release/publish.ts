import { SightlineError } from "../../contracts/errors.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { type Addressee, ReleaseStage } from "../../release/documents.ts";
import { roleText } from "../../release/pending.ts";
import { type NewOrders, publishReleases } from "../../release/publish-release.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { folderOf, keysOf, SHARED_HELP, SHARED_OPTIONS } from "./shared.ts";

const HELP = `usage: sightline release publish [--product NAME --stage STAGE (--line LINE | --device DEVICE)] [options]

Makes what is signed visible to devices and signs snapshot, timestamp and director anew; with --stage it also orders a
release for lines or devices. What lacks signatures is refused. Run it more often than its signatures last (see status).

  --product NAME         what to order: the newest release of this product,
  --version V --name N   or this version, of this model
  --stage STAGE          shadow, canary or fleet
  --line LINE            for whom; both may be given several times; of the orders that reach a device the newest counts
  --device DEVICE
  --after-pause          this machine's clock is right, though the last publication was months ago
  --refresh              only snapshot, timestamp and director; what is staged stays
${SHARED_HELP}`;

const OPTIONS = {
  ...SHARED_OPTIONS,
  product: { type: "string" },
  version: { type: "string" },
  name: { type: "string" },
  stage: { type: "string" },
  line: { type: "string", multiple: true },
  device: { type: "string", multiple: true },
  refresh: { type: "boolean", default: false },
  "after-pause": { type: "boolean", default: false },
} as const;
type Options = ReturnType<typeof parseCommandLine<typeof OPTIONS>>;

export async function releasePublish(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const orders = ordersOf(options);
  const published = await publishReleases({
    folder: folderOf(options),
    keys: await keysOf(options),
    now: clock.wallNow(),
    orders,
    refreshOnly: options.refresh,
    afterPause: options["after-pause"],
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ taken: published.taken.map(roleText), orders: published.orders })}\n`);
    return 0;
  }
  for (const name of published.taken) process.stdout.write(`published ${roleText(name)}\n`);
  for (const { path, order } of published.orders) {
    process.stdout.write(`order ${order.order}: ${decodeURIComponent(path)} runs ${order.target} as ${order.stage}\n`);
  }
  process.stdout.write("snapshot, timestamp and director are fresh\n");
  return 0;
}

function ordersOf(options: Options): NewOrders | null {
  const to: Addressee[] = [
    ...(options.line ?? []).map((name) => ({ kind: "line", name }) as const),
    ...(options.device ?? []).map((name) => ({ kind: "device", name }) as const),
  ];
  if (to.length === 0 && options.stage === undefined) {
    if (options.product === undefined && options.version === undefined) return null;
    throw new SightlineError("USAGE", "an order needs --stage and --line or --device; see --help");
  }
  const stage = ReleaseStage.safeParse(required(options.stage, "stage"));
  if (!stage.success) {
    throw new SightlineError("USAGE", `--stage ${options.stage}: use ${ReleaseStage.options.join(", ")}`);
  }
  if (to.length === 0) throw new SightlineError("USAGE", "an order needs --line or --device; see --help");
  return {
    product: required(options.product, "product"),
    version: options.version,
    name: options.name,
    to,
    stage: stage.data,
  };
}
