/** Most connections that the category service's own database takes. */
export const DATABASE_CONNECTIONS = 400;
/** Most connections of one pod of the category service that has no DATABASE_POOL_SIZE. */
export const POOL_SIZE = 10;
