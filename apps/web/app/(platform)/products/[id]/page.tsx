import { ProductPage } from "@/features/products/product-page";

// One file serves every product; the page takes the id from its address.
export const dynamicParams = false;
export const generateStaticParams = () => [{ id: "_" }];

export default function Page() {
  return <ProductPage />;
}
