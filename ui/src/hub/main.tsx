// Starts the console of the hub: fonts, styles, language, first render.
import '@fontsource/ibm-plex-sans/latin-400.css';
import '@fontsource/ibm-plex-sans/latin-500.css';
import '@fontsource/ibm-plex-sans/latin-600.css';
import '@fontsource/ibm-plex-sans-arabic/arabic-400.css';
import '@fontsource/ibm-plex-sans-arabic/arabic-500.css';
import '@fontsource/ibm-plex-sans-arabic/arabic-600.css';
import '@fontsource/ibm-plex-mono/latin-400.css';
import '@fontsource/ibm-plex-mono/latin-500.css';
import '@mantine/core/styles.layer.css';
import '@/styles/tokens.css';
import '@/styles/base.css';
import '@/styles/controls.css';
import '@/styles/panes.css';
import '@/styles/instruments.css';
import '@/styles/shell.css';
import '@/styles/pages.css';
import '@/styles/qr.css';
import { createRoot } from 'react-dom/client';
import { Console } from './app';
import { startI18n } from '@/i18n';
import { storedPreferences } from '@/i18n/locale';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');
await startI18n(storedPreferences());
createRoot(root).render(<Console />);
