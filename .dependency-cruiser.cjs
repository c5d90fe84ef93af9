/** What may import what: `npx depcruise stacks components cli lab docs bench`, in `npm test` by tests/unit/imports.test.ts. */
/** The rooms of the package, each of which may import those of the lines above it. */
const ROOMS = [
  ["istio", "kubernetes", "evidence"],
  ["traffic"],
  ["security"],
  ["simulator", "readiness"],
  ["observability"],
  ["mesh"],
  ["service"],
  ["category"],
];
const below = (names) => `^components/(${names.join("|")})/`;

module.exports = {
  forbidden: [
    ...ROOMS.flatMap((line, level) =>
      line.map((room) => ({
        name: `${room}/ imports no room beside or below its own`,
        severity: "error",
        from: { path: below([room]) },
        to: {
          path: below([...line.filter((other) => other !== room), ...ROOMS.slice(level + 1).flat(), "index"]),
        },
      })),
    ),
    { name: "no circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "a problem is said without knowing the settings",
      severity: "error",
      from: { path: "^stacks/config/report" },
      to: { path: "^stacks", pathNot: "^stacks/config/report" },
    },
    {
      name: "what may be written does not depend on what must hold",
      severity: "error",
      from: { path: "^stacks/config/schema" },
      to: { path: "^stacks", pathNot: "^stacks/config/(schema|report)" },
    },
    {
      name: "a check does not depend on what is made of the settings",
      severity: "error",
      from: { path: "^stacks/config/checks" },
      to: { path: "^stacks", pathNot: "^stacks/config/(checks|schema|report)" },
    },
    {
      name: "nothing outside of tests imports from tests",
      severity: "error",
      from: { pathNot: "^tests/|^apps/[^/]+/tests/" },
      to: { path: "^tests/" },
    },
    {
      name: "the package does not know the program",
      severity: "error",
      from: { path: "^components" },
      to: { path: "^(stacks|tests|lab|docs|cli)/" },
    },
    {
      name: "the command works for other programs, too",
      severity: "error",
      from: { path: "^cli" },
      to: { path: "^(stacks|tests|lab|docs)/" },
    },
    {
      name: "what decides does not read or print",
      severity: "error",
      from: { path: "^cli/diff" },
      to: { path: "^cli/(commands|sources|report)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
  },
};
