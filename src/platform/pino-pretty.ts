import { PinoPretty } from "pino-pretty";

export const pinoPretty = (): NodeJS.WritableStream =>
  PinoPretty({ destination: 2, sync: true, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,hostname" });
