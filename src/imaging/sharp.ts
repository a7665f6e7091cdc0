import sharp from "sharp";

// Frames never repeat, so libvips' operation cache only holds memory; one thread, because frames are the parallelism.
sharp.cache(false);
sharp.concurrency(1);

export { sharp };
