import type { ChartSource } from "../../../components/kubernetes/helm-chart";
import { field, refuse, type Refused } from "./fields";

const URL_OF_CHARTS = /^(https?|oci):\/\/[^\s/]+\S*$/;

/** Source of charts; `what` describes the contents of a folder. */
export const chartSource = (what: string, example: string) =>
  field(
    (value): ChartSource | Refused => {
      if (typeof value === "string" && URL_OF_CHARTS.test(value)) return { repository: value };
      if (typeof value === "string" && value.trim() !== "" && !value.includes("://"))
        return { directory: value };
      return refuse();
    },
    {
      type: "string",
      title:
        "the https URL of a chart repository, oci:// and the path of a registry below which charts are, or the path of a folder with charts",
      minLength: 1,
      description: `Chart repository or registry (URL), or folder with ${what} (path relative to the project).`,
      example,
    },
  );
