import { showAgreement } from "./screens/agreement.js";
import { showAudit } from "./screens/audit.js";
import { showCase } from "./screens/case.js";
import { showCompare } from "./screens/compare.js";
import { showDevices } from "./screens/devices.js";
import { showDiagnosis } from "./screens/diagnosis.js";
import { showErrors } from "./screens/errors.js";
import { showFleet } from "./screens/fleet.js";
import { showGallery } from "./screens/gallery.js";
import { showLabelling, showReview, showSecondLabels, showSuspected } from "./screens/labelling.js";
import { showLoop } from "./screens/loop.js";
import { showOrders } from "./screens/orders.js";
import { showPeople } from "./screens/people.js";
import { showProject } from "./screens/project.js";
import { showReleases } from "./screens/releases.js";
import { showRuns } from "./screens/runs.js";
import { showSlices } from "./screens/slices.js";

/**
 * Every screen by its name in the address. `show(main, workbench, address)` draws into `main` and gives, where there is
 * something to stop, the function that stops it.
 */
export const SCREENS = {
  cases: { show: showGallery },
  case: { show: showCase },
  label: { show: showLabelling },
  review: { show: showReview },
  second: { show: showSecondLabels },
  suspected: { show: showSuspected },
  agreement: { show: showAgreement },
  errors: { show: showErrors },
  slices: { show: showSlices },
  diagnosis: { show: showDiagnosis },
  orders: { show: showOrders },
  loop: { show: showLoop },
  runs: { show: showRuns },
  compare: { show: showCompare },
  releases: { show: showReleases },
  fleet: { show: showFleet },
  project: { show: showProject },
  devices: { show: showDevices },
  people: { show: showPeople, withoutProject: true },
  audit: { show: showAudit, withoutProject: true },
};
