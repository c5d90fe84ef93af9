/** Largest number of connections that the {@link CategoryDatabase} accepts. */
export const DATABASE_CONNECTIONS = 400;
/** Largest number of connections of a pod of the category service without DATABASE_POOL_SIZE. */
export const POOL_SIZE = 10;
