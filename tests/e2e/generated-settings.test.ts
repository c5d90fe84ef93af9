import { describeGeneratedSettings } from "../support/generated-settings-on-lab";

// tests/proof/generated-settings.test.ts has more of them.
describeGeneratedSettings("generated settings", 80, 12);
