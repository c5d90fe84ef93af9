import { describeGeneratedSettings } from "./generated-settings";

// tests/proof/generated-settings.test.ts has more of them.
describeGeneratedSettings("generated settings", 80, 12);
