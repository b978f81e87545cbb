/// <reference types="vite/client" />
declare module 'virtual:messages/*' {
  const catalogue: Record<string, Record<string, string>>;
  export default catalogue;
}
declare module 'virtual:guides' {
  import type { Guide } from '@/lib/help';
  /** By `<name>/<language>`; the text of a guide is loaded when it is opened. */
  const guides: Record<string, { title: string; summary: string; load: () => Promise<{ default: Guide }> }>;
  export default guides;
}
