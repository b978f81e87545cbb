// Text as it is compared in a search: case, Arabic vowel marks, hamza and the forms of teh marbuta and yeh don't matter.

const FORMS: Record<string, string> = { 'ة': 'ه', 'ى': 'ي', 'ـ': '' };

export function folded(text: string): string {
  // Taken apart, a letter has its marks and its hamza behind it.
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase();
  return plain.replace(/[ةىـ]/g, (letter) => FORMS[letter]!).trim();
}
