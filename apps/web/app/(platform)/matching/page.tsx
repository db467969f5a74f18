import { MatchingPage } from "@/features/matching/matching-page";

export default function Page() {
  return <MatchingPage />;
}
