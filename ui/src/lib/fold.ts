// Text as it is compared in a search: case, Arabic vowel marks and the forms of alef, teh marbuta and yeh don't matter.

const FORMS: Record<string, string> = { 'أ': 'ا', 'إ': 'ا', 'آ': 'ا', 'ة': 'ه', 'ى': 'ي', 'ـ': '' };

export function folded(text: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').normalize('NFC').toLocaleLowerCase();
  return plain.replace(/[أإآةىـ]/g, (letter) => FORMS[letter] ?? letter).trim();
}
