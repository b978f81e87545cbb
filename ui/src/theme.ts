// Mantine drawn with our tokens: one palette for its parts and ours. No green, no filled badges, no gradients.
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const action: MantineColorsTuple = ['#e9f1f8', '#d3e1ec', '#b3cde2', '#8fb6d6', '#6ba0ca', '#4a88b8', '#2f6f9f', '#235f8d', '#17527f', '#86bce9'];

export const theme = createTheme({
  fontFamily: 'var(--font-ui)',
  fontFamilyMonospace: 'var(--font-mono)',
  headings: { fontFamily: 'var(--font-ui)', fontWeight: '600' },
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  defaultRadius: 3,
  primaryColor: 'action',
  primaryShade: { light: 8, dark: 9 },
  autoContrast: true,
  colors: { action },
  respectReducedMotion: true,
});

const variables = {
  '--mantine-color-body': 'var(--canvas)',
  '--mantine-color-text': 'var(--ink)',
  '--mantine-color-dimmed': 'var(--ink-3)',
  '--mantine-color-placeholder': 'var(--ink-3)',
  '--mantine-color-anchor': 'var(--action)',
  '--mantine-color-error': 'var(--crit-text)',
  '--mantine-color-default': 'var(--raised)',
  '--mantine-color-default-hover': 'var(--hover)',
  '--mantine-color-default-color': 'var(--ink)',
  '--mantine-color-default-border': 'var(--line-strong)',
  '--mantine-color-disabled': 'var(--surface)',
  '--mantine-color-disabled-color': 'var(--ink-3)',
  '--mantine-color-disabled-border': 'var(--line)',
  '--mantine-color-action-filled': 'var(--action)',
  '--mantine-color-action-light': 'var(--action-soft)',
  '--mantine-color-action-light-color': 'var(--action)',
  '--mantine-primary-color-contrast': 'var(--on-action)',
};

export const cssVariablesResolver: CSSVariablesResolver = () => ({ variables, light: variables, dark: variables });
