import { VideosPage } from "@/features/videos/videos-page";

export default function Page() {
  return <VideosPage />;
}
