export type CameraState = "closed" | "opening" | "ready" | "recovering";
export type CameraEvent = "start" | "opened" | "lost" | "ended" | "stop";

/** `opened`: the first frame after a (re)start has come; only then is a camera ready. */
const TRANSITIONS: { readonly [S in CameraState]: { readonly [E in CameraEvent]?: CameraState } } = {
  closed: { start: "opening" },
  opening: { opened: "ready", lost: "recovering", ended: "closed", stop: "closed" },
  ready: { lost: "recovering", ended: "closed", stop: "closed" },
  recovering: { opened: "ready", ended: "closed", stop: "closed" },
};

/** A pair that is not in the table keeps the state. */
export const nextCameraState = (state: CameraState, event: CameraEvent): CameraState =>
  TRANSITIONS[state][event] ?? state;
