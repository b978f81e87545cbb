// A page that fails while it is drawn says so in its own place; the frame around it stays and leads elsewhere.
import { Component, type ReactNode } from 'react';
import { useText } from '@/i18n/text';
import { StatusShape } from './icons';
import { AppLink } from './link';
import { Tag } from './marks';

function Broken({ error, home }: { error: Error; home: boolean }) {
  const { t } = useText();
  return (
    <section className="pane">
      <div className="state" role="alert">
        <StatusShape shape="critical" />
        <h1>{t('state.broken')}</h1>
        <p>{t('state.broken_why')}</p>
        <div className="actions">
          <button type="button" className="btn pri" onClick={() => window.location.reload()}>{t('state.reload')}</button>
          {home && <AppLink className="btn" to="/">{t('state.back_to_dashboard')}</AppLink>}
        </div>
        <p className="help"><Tag>{error.message || error.name}</Tag></p>
      </div>
    </section>
  );
}

interface Props {
  /** The address of what is drawn: another one is drawn anew. */
  at: string;
  /** Whether the way back is the dashboard. */
  home?: boolean;
  children: ReactNode;
}

interface State { at: string; error: Error | null }

export class PageBoundary extends Component<Props, State> {
  override state: State = { at: this.props.at, error: null };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  static getDerivedStateFromProps(props: Props, state: State): State | null {
    return props.at === state.at ? null : { at: props.at, error: null };
  }

  override render(): ReactNode {
    return this.state.error ? <Broken error={this.state.error} home={this.props.home ?? true} /> : this.props.children;
  }
}
