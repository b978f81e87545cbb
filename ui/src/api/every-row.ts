// A whole list, for a file of it: the server hands lists out in pages.

const PAGE = 500;

export async function everyRow<T>(list: (page: { limit: number; offset: number }) => Promise<{ items: T[]; next_offset: number | null }>): Promise<T[]> {
  const all: T[] = [];
  let offset: number | null = 0;
  while (offset !== null) {
    const page: { items: T[]; next_offset: number | null } = await list({ limit: PAGE, offset });
    all.push(...page.items);
    offset = page.next_offset;
  }
  return all;
}
