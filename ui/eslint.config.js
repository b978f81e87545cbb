// Lint rules of the front end: React hooks, no sentence outside the catalogue, no physical directions in styles.
import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const PHYSICAL = '/^(left|right|marginLeft|marginRight|paddingLeft|paddingRight|borderLeft|borderRight|textAlign)$/';

/** Letters in JSX text or in an attribute a person reads: they belong into the locale files. */
const TEXT_RULES = [
  { selector: 'JSXText[value=/\\p{L}/u]', message: 'A sentence belongs into locales, not into a component.' },
  { selector: 'JSXAttribute[name.name=/^(title|placeholder|aria-label|alt|label)$/] > Literal[value=/\\p{L}/u]', message: 'A label belongs into locales, not into a component.' },
  { selector: `JSXAttribute[name.name="style"] Property[key.name=${PHYSICAL}]`, message: 'Use logical properties: the page is read in both directions.' },
];

/** What an effect returns is kept as its clean-up: the value of an expression (a promise, say) would be called as one. */
const EFFECT_RULES = [
  { selector: 'CallExpression[callee.name=/^use(Layout|Insertion)?Effect$/] > ArrowFunctionExpression.arguments[expression=true]:not([body.type="ArrowFunctionExpression"])', message: 'Give an effect a body in braces: what it returns is called as its clean-up.' },
];

export default defineConfig(
  { ignores: ['dist', 'node_modules', 'src/api/schema.d.ts', 'src/hub/schema.d.ts', 'test-results', 'playwright-report'] },
  js.configs.recommended,
  tseslint.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      'no-restricted-syntax': ['error', ...TEXT_RULES, ...EFFECT_RULES],
      'no-console': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  { files: ['public/boot.js'], languageOptions: { globals: { document: 'readonly', navigator: 'readonly', localStorage: 'readonly', matchMedia: 'readonly', Intl: 'readonly' }, sourceType: 'script' }, rules: { 'no-unused-vars': ['error', { caughtErrors: 'none' }], '@typescript-eslint/no-unused-vars': 'off' } },
  { files: ['e2e/**', 'test/**'], rules: { 'no-console': 'off', 'no-restricted-syntax': 'off' } },
);
