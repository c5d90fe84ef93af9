#!/usr/bin/env node
/** Runs the command `shopzier`. Exit codes: 0 nothing to object, 1 a fault or a report that is not whole, 2 what --fail-on names. */
import { shopzierProgram } from "./program";
import { SourceError } from "./sources/source-error";

shopzierProgram()
  .parseAsync()
  .catch((error: unknown) => {
    // Any other error is a fault of this program, of which the stack says more.
    console.error(error instanceof SourceError ? error.message : error);
    process.exitCode = 1;
  });
