/** Each may what those before it may, and more: reads; labels and tags; projects, work orders, codes; people, audit. */
export const ROLES = ["viewer", "labeller", "engineer", "admin"] as const;
export type Role = (typeof ROLES)[number];

export const isRole = (text: string): text is Role => ROLES.some((role) => role === text);

export const mayAct = (has: Role, needs: Role): boolean => ROLES.indexOf(has) >= ROLES.indexOf(needs);

export const lowerOf = (left: Role, right: Role): Role => (mayAct(left, right) ? right : left);
