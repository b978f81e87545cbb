// First steps: six steps computed from the data, what each still lacks, and the way there. Nothing is remembered but a
// person's word that the profile is complete, so leaving and coming back changes nothing.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession, useSignedIn } from '@/api/session';
import type { OnboardingProgress, OnboardingStep } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Icon, StatusShape } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { JobStrip, RunButton, useJob } from './parts/job-strip';
import '@/styles/integrations.css';

/** Pages where a step is worked on; the server names one page per missing thing, these are the ways in. */
const DOORS: Record<string, string[]> = {
  profile: ['/assets', '/settings'],
  integrations: ['/integrations', '/integrations/new'],
  connection_tests: ['/integrations'],
  signal_mapping: [],
  cost_model: ['/integrations?tab=costs'],
  first_run: ['/optimization'],
};

const tone = (step: OnboardingStep) => (step.is_done ? 'done' : step.is_available ? '' : 'off');

function Steps({ progress, chosen, choose }: { progress: OnboardingProgress; chosen: string; choose: (key: string) => void }) {
  const { t, n } = useText();
  return (
    <div className="pane">
      <div className="pb col">
        <div className="row base"><bdi className="percent">{`${n(progress.percent, 0)}%`}</bdi><span className="s mid">{t('onboarding.count', { done: progress.done, all: progress.available })}</span></div>
        <div className="six" role="progressbar" aria-label={t('page.onboarding')} aria-valuenow={progress.percent} aria-valuemin={0} aria-valuemax={100}>{progress.steps.map((s) => <i key={s.key} className={s.key === progress.next ? 'next' : tone(s)} />)}</div>
      </div>
      <ol className="ob-steps">
        {progress.steps.map((step, i) => (
          <li key={step.key}>
            <button type="button" aria-current={step.key === chosen ? 'step' : undefined} data-step={step.key} data-done={step.is_done} onClick={() => choose(step.key)}>
              <span className={`step ${step.is_done ? 'ok' : step.is_available ? '' : 'off'}`}>{step.is_done ? <Icon name="check" /> : <bdi>{n(i + 1, 0)}</bdi>}</span>
              <span className="col grow">
                <b className="m5">{t(`onboarding.step.${step.key}`)}</b>
                <span className="cap dim">{step.is_done ? t('onboarding.done') : step.is_available ? t('onboarding.missing', { n: step.missing_total }) : t('onboarding.unavailable')}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

function ProfileMark({ progress }: { progress: OnboardingProgress }) {
  const { t, moment } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const mark = async (done: boolean) => { await api.markProfile(done); await client.invalidateQueries({ queryKey: ['onboarding'] }); };
  const is = progress.profile_marked_at !== null;
  return (
    <div className="row wrap" id="profile">
      {is && <span className="s mid row g1"><Icon name="check" />{t('onboarding.marked', { who: progress.profile_marked_by ?? '', at: moment(progress.profile_marked_at ?? 0) })}</span>}
      {may('integrations.write') && <button type="button" className={is ? 'btn' : 'btn pri'} data-action="mark-profile" onClick={() => void mark(!is).catch(toasts.failed)}>{t(is ? 'onboarding.unmark' : 'onboarding.mark')}</button>}
    </div>
  );
}

function Step({ progress, step }: { progress: OnboardingProgress; step: OnboardingStep }) {
  const { t, n } = useText();
  const session = useSignedIn();
  const number = progress.steps.indexOf(step) + 1;
  const after = progress.steps.slice(number).find((s) => s.is_available && !s.is_done);
  const doors = step.key === 'signal_mapping' ? [`/tenant/${session.tenant_id}/data-mapping`] : (DOORS[step.key] ?? []);
  return (
    <>
      <Pane title={t('onboarding.title_of', { n: n(number, 0), name: t(`onboarding.step.${step.key}`) })} end={step.is_done ? <span className="s row g1"><Icon name="check" />{t('onboarding.done')}</span> : undefined} flush={false}>
        <div className="stack">
          <p className="prose">{t(`onboarding.what.${step.key}`)}</p>
          {step.key === 'profile' && <ProfileMark progress={progress} />}
          {doors.length > 0 && <div className="actions">{doors.map((to) => <AppLink key={to} className="btn" data-door={to} to={to}>{t(`onboarding.door.${to.startsWith('/tenant/') ? 'mapping' : to.slice(1).replace('/', '_')}`)}</AppLink>)}</div>}
        </div>
      </Pane>
      {step.missing.length > 0 && (
        <Pane title={t(step.is_available ? 'onboarding.what_is_missing' : 'onboarding.why_unavailable')} foot={step.missing_total > step.missing.length ? t('onboarding.more_missing', { n: step.missing_total - step.missing.length }) : undefined}>
          <ul className="missing">
            {step.missing.map((m) => (
              <li key={m.message.code + m.link} data-missing={m.message.code}>
                <StatusShape shape={step.is_available ? 'warning' : 'unknown'} />
                <span className="grow">{m.message.message}</span>
                {m.link && !m.link.startsWith('/onboarding') && <AppLink className="s" to={m.link}>{t('onboarding.fix')}</AppLink>}
              </li>
            ))}
          </ul>
        </Pane>
      )}
      {step.is_done && after && <Notice>{t('onboarding.next_is', { name: t(`onboarding.step.${after.key}`) })}</Notice>}
    </>
  );
}

function Result({ progress }: { progress: OnboardingProgress }) {
  const { t } = useText();
  const job = useJob(null);
  const ready = progress.steps.filter((s) => s.is_available).every((s) => s.is_done);
  return (
    <>
      <JobStrip job={job} />
      <Pane title={t('onboarding.result')} flush={false}>
        <div className="stack" data-scored={progress.scored_assets}>
          <p className="prose">{progress.scored_assets > 0 ? t('onboarding.scored', { n: progress.scored_assets }) : t(ready ? 'onboarding.ready' : 'onboarding.not_ready')}</p>
          <div className="actions">
            <RunButton integration={null} job={job} primary={ready && progress.scored_assets === 0} />
            {progress.first_scored_asset && <AppLink className="btn pri" data-action="open-scored" to={`/assets/${progress.first_scored_asset}`}>{t('onboarding.open_asset')}</AppLink>}
          </div>
        </div>
      </Pane>
    </>
  );
}

export default function OnboardingPage() {
  const { t, p } = useText();
  const refetchInterval = useRefresh(null);
  const [chosen, choose] = useParameter('step');
  const query = useQuery({ queryKey: ['onboarding', p.language], queryFn: api.onboarding, refetchInterval });
  return (
    <>
      <PageHead title={t('page.onboarding')} sub={t('onboarding.sub')}><AppLink className="btn quiet" to="/">{t('onboarding.later')}</AppLink></PageHead>
      <Loaded query={query} what={t('onboarding.loading')} rows={6}>
        {(progress) => {
          const key = chosen || progress.next || progress.steps[0]!.key;
          const step = progress.steps.find((s) => s.key === key) ?? progress.steps[0]!;
          return (
            <div className="onboard">
              <Steps progress={progress} chosen={step.key} choose={choose} />
              <div className="stack"><Step progress={progress} step={step} /><Result progress={progress} /></div>
            </div>
          );
        }}
      </Loaded>
    </>
  );
}
