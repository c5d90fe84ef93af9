/** What the unit tests of a Pulumi program need that uses this package: mocks that know resource hooks, and one run of a program. */
export { setMocks } from "./mocks";
export * from "./run-program";
