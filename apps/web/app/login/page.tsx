import { LoginPage } from "@/features/accounts/login-page";

export default function Page() {
  return <LoginPage />;
}
