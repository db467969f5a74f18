import createFetchClient from "openapi-fetch";
import createQueryClient from "openapi-react-query";
import { buildProblem, toProblem } from "./problem";
import type { paths } from "./schema";
import { reportSessionLost } from "./session-lost";

/** Same origin, session cookie; no token is ever kept in the page. */
export const fetchClient = createFetchClient<paths>({ baseUrl: "", credentials: "same-origin" });

fetchClient.use({
  async onResponse({ response, schemaPath }) {
    if (response.ok) return undefined;
    if (response.status === 401 && schemaPath !== "/api/v1/auth/login") reportSessionLost();
    throw buildProblem(response.status, await response.text());
  },
  onError({ error }) {
    throw toProblem(error);
  },
});

export const $api = createQueryClient(fetchClient);
