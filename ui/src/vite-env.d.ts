/// <reference types="vite/client" />
declare module 'virtual:messages/*' {
  const catalogue: Record<string, Record<string, string>>;
  export default catalogue;
}
