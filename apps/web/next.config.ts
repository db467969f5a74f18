import type { NextConfig } from "next";

// The pages are exported as files and served by the API from its own origin: no Node at run time.
const config: NextConfig = {
  output: "export",
  images: { unoptimized: true },
  reactStrictMode: true,
  poweredByHeader: false,
  devIndicators: false,
  // Types are checked by `pnpm check`; the build only builds.
  typescript: { ignoreBuildErrors: true },
  turbopack: { root: `${import.meta.dirname}/../..` },
};

// `next dev` serves the pages with live reload and passes the API's addresses on to a running platform.
if (process.env.NODE_ENV === "development") {
  const platform = process.env.BUYBUDDY_URL ?? "http://127.0.0.1:8000";
  config.output = undefined;
  config.rewrites = async () => [
    { source: "/api/:path*", destination: `${platform}/api/:path*` },
    { source: "/media/:path*", destination: `${platform}/media/:path*` },
  ];
}

export default config;
