import {
  Clapperboard,
  Images,
  LayoutDashboard,
  ListChecks,
  type LucideIcon,
  Package,
  ScanSearch,
  SquareCheckBig,
} from "lucide-react";

type Entry = {
  path: string;
  name: "dashboard" | "videos" | "products" | "matching" | "photos" | "search" | "jobs";
  icon: LucideIcon;
};

/** The sidebar. A page that gets built is one more line here (and its name under `navigation` in messages/). */
export const NAVIGATION: Entry[] = [
  { path: "/", name: "dashboard", icon: LayoutDashboard },
  { path: "/videos", name: "videos", icon: Clapperboard },
  { path: "/products", name: "products", icon: Package },
  { path: "/matching", name: "matching", icon: SquareCheckBig },
  { path: "/photos", name: "photos", icon: Images },
  { path: "/search", name: "search", icon: ScanSearch },
  { path: "/jobs", name: "jobs", icon: ListChecks },
];

export const isCurrent = (path: string, pathname: string) =>
  path === "/" ? pathname === "/" : pathname === path || pathname.startsWith(`${path}/`);
