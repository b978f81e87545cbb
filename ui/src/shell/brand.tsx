// The mark of the product: a recorder with a pointer, in ink.
export function Brand() {
  return (
    <svg viewBox="0 0 22 22" aria-hidden="true">
      <rect x="1" y="1" width="20" height="20" rx="3" fill="var(--ink)" />
      <path d="M4 14h14" stroke="var(--raised)" strokeWidth="2" opacity=".4" />
      <path d="M8 14h6" stroke="var(--raised)" strokeWidth="2" />
      <path d="M8.6 5h6.8L12 10.6z" fill="var(--raised)" />
    </svg>
  );
}
