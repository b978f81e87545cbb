// Rule packs: which failure modes the program can name, by what, and what it would like to know. Packs are read here and
// edited as files.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { RulePack, RuleView } from '@/api/types';
import { SearchInput, Select } from '@/components/fields';
import { Tag } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';

const SIDES = ['for', 'against'] as const;

function Conditions({ rule }: { rule: RuleView }) {
  const { t, word } = useText();
  return (
    <>
      {SIDES.map((side) => {
        const found = rule.conditions.filter((c) => c.side === side);
        if (found.length === 0) return null;
        return (
          <div key={side} className="evidence">
            <h4>{word('evidence_side', side)}</h4>
            <ul>{found.map((c) => <li key={c.condition} title={c.condition}><bdi className="sign" aria-hidden="true">{side === 'for' ? '+' : '−'}</bdi><span>{c.words} <span className="cap dim">{t(`rules.weight_${c.weight >= 3 ? 3 : c.weight}`)}</span></span></li>)}</ul>
          </div>
        );
      })}
    </>
  );
}

function Rule({ rule, names }: { rule: RuleView; names: Map<string, string> }) {
  const { t, n, name, word } = useText();
  return (
    <li className="note-row" data-rule={rule.id}>
      <div className="row wrap"><b className="m5">{name(rule.names)}</b><Tag>{rule.id}</Tag><span className="cap dim">{word('hypothesis_kind', rule.kind)} · {t('rules.mode', { mode: rule.mode })} · {t('rules.prior', { share: n(rule.prior * 100, 0) })}{rule.lead_h && <> · <bdi>{t('root_cause.hours', { from: n(rule.lead_h[0] ?? 0), to: rule.lead_h[1] ?? 0 })}</bdi> {t('rules.lead')}</>}</span></div>
      <Conditions rule={rule} />
      {rule.asks.length > 0 && <div className="evidence"><h4>{t('rules.asks')}</h4><ul>{rule.asks.map((a) => <li key={name(a)}><span aria-hidden="true">{'?'}</span><span>{name(a)}</span></li>)}</ul></div>}
      {rule.confusers.length > 0 && <div className="evidence"><h4>{t('rules.confusers')}</h4><ul>{rule.confusers.map((c) => <li key={c.id}><span aria-hidden="true">{'≠'}</span><span>{names.get(c.id) ?? c.id}: {name(c.discriminator)}</span></li>)}</ul></div>}
    </li>
  );
}

function Packs({ packs }: { packs: RulePack[] }) {
  const { t, n, name, comma } = useText();
  const [chosen, setChosen] = useParameter('pack', packs[0]?.id ?? '');
  const [sought, setSought] = useParameter('find');
  const families = useQuery({ queryKey: ['families'], queryFn: api.families, staleTime: Infinity }).data ?? [];
  const pack = packs.find((p) => p.id === chosen) ?? packs[0];
  if (!pack) return <EmptyState icon="doc" title={t('rules.none')} />;
  const names = new Map(packs.flatMap((p) => p.rules.map((r) => [r.id, name(r.names)] as const)));
  const family = (key: string) => { const found = families.find((f) => f.family === key); return found ? name(found.names) : key; };
  const text = (r: RuleView) => `${r.id} ${r.mode} ${name(r.names)} ${r.conditions.map((c) => c.words).join(' ')}`.toLowerCase();
  const rules = pack.rules.filter((r) => text(r).includes(sought.toLowerCase()));
  return (
    <div className="stack">
      <div className="row wrap filters">
        {pack.is_own && <span className="chip">{t('rules.own')}</span>}
        <Select label={t('rules.pack')} value={pack.id} onChange={setChosen} options={packs.map((p) => ({ value: p.id, label: `${p.is_own ? '* ' : ''}${name(p.names)} (${p.rules.length})` }))} />
        <span className="grow search-grow"><SearchInput label={t('rules.search')} value={sought} onChange={setSought} /></span>
      </div>
      <Pane title={name(pack.names)} caption={<><Tag>{pack.id}</Tag> · {t('rules.version', { n: n(pack.version, 0) })} · {t('rules.enabled')}</>} foot={<span>{pack.families.length === 0 ? t('rules.every_family') : t('rules.families', { families: pack.families.map(family).join(comma) })}</span>}>
        {rules.length === 0 ? <EmptyState icon="search" title={t('rules.none_match')} /> : <ul className="list" data-list="rules">{rules.map((r) => <Rule key={r.id} rule={r} names={names} />)}</ul>}
      </Pane>
      <Notice>{t('rules.files')}</Notice>
    </div>
  );
}

export default function RulePacksPage() {
  const { t, p } = useText();
  const query = useQuery({ queryKey: ['rule-packs', p.language], queryFn: api.rulePacks });
  return (
    <>
      <PageHead crumb={{ to: '/blackbox', text: t('page.blackbox') }} title={t('page.rule_packs')} sub={t('rules.sub')} />
      <Loaded query={query} what={t('rules.loading')}>{(packs) => <Packs packs={packs} />}</Loaded>
    </>
  );
}
