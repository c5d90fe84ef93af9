import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["**/dist/**", "**/node_modules/**", ".lab/**", "docs/site/.vitepress/.temp/**"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,cts}"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      // A third of the time of all rules, and against plain data for interfaces that happen to be classes.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // A quarter of the time of all rules, for a language feature that is not used here.
      "@typescript-eslint/no-unsafe-enum-assignment": "off",
      // A component is made for what its constructor registers.
      "no-new": "off",
    },
  },
  prettier,
);
