//! What the chances of failure of a family would have been worth: the tenant's own lives looked back at.

use std::collections::HashMap;

use iq_analytics::{
    Condition, Forecast, Hindsight, TooFew,
    failure::GAMMA,
    hindsight::{self, forecasts, judge, known_since},
};
use iq_domain::{Assessment, AssetId, CodedError, Message, TenantId, Timestamp};
use iq_store::assessments;

use super::{
    broken,
    life::{Histories, TREND_MS, condition_of, usual_life},
    say,
};
use crate::{
    Inner, Runtime,
    made_up::{Fed, fed},
};

const HOUR_MS: i64 = 3_600_000;

/// The forecasts of a family, looked back at.
#[derive(Clone, Debug)]
pub struct FamilyHindsight {
    /// The family.
    pub family: String,
    /// The horizon, in hours.
    pub horizon_h: f64,
    /// Whether it is a demonstration's.
    pub is_demo: bool,
    /// Assets with a forecast.
    pub assets: u32,
    /// Forecasts.
    pub forecasts: u32,
    /// Those of them a failure followed.
    pub failures: u32,
    /// Those made with a health of then; the others suppose perfect condition.
    pub with_health: u32,
    /// First and last moment of a forecast.
    pub moments: Option<(Timestamp, Timestamp)>,
    /// How they stood up, or why that isn't drawn.
    pub result: Result<Hindsight, Message>,
}

/// What was known of the condition of assets at moments, as it had been written down by then.
type Conditions = HashMap<(AssetId, Timestamp), Condition>;

async fn conditions(
    inner: &Inner,
    tenant: TenantId,
    assets: Vec<AssetId>,
    moments: Vec<Timestamp>,
) -> Result<Conditions, CodedError> {
    let found = inner
        .store
        .read(move |conn| {
            let mut found = Conditions::new();
            // Health is kept for some months only: before the oldest there is none.
            for at in moments.into_iter().rev() {
                let known = |of: Timestamp| {
                    assessments::list_assessments_at(conn, tenant, of, Some(at)).map(|all| {
                        all.into_iter()
                            .map(|a| (a.asset_id, a))
                            .collect::<HashMap<AssetId, Assessment>>()
                    })
                };
                let then = known(at)?;
                if then.is_empty() {
                    break;
                }
                let before = known(at.plus_ms(-TREND_MS))?;
                for asset in &assets {
                    let score = then.get(asset);
                    let condition = score.and_then(|s| condition_of(s, before.get(asset), at));
                    found.extend(condition.map(|c| ((*asset, at), c)));
                }
            }
            Ok(found)
        })
        .await?;
    Ok(found)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn too_few(found: TooFew) -> Message {
    let params = [
        ("forecasts", found.forecasts),
        ("failures", found.failures),
        ("need_forecasts", hindsight::MIN_FORECASTS),
        ("need_failures", hindsight::MIN_FAILURES),
    ];
    Message {
        params: params
            .into_iter()
            .map(|(key, n)| (key.to_owned(), n.to_string()))
            .collect(),
        ..say("models.withheld.too_few_forecasts")
    }
}

impl Runtime {
    /// The chances of failure of an asset's family as they would have been stated in the past, beside what came.
    ///
    /// # Errors
    /// When there is no such asset.
    pub async fn family_hindsight(
        &self,
        tenant: TenantId,
        asset: AssetId,
        horizon_days: u32,
    ) -> Result<FamilyHindsight, CodedError> {
        let plant = self.asset_of(tenant, asset)?;
        let now = self.0.clock.now();
        let horizon_ms = i64::from(horizon_days) * 24 * HOUR_MS;
        let entry = plant.assets.get(&asset).ok_or_else(broken)?;
        let family = entry.asset.family.clone();
        let mut back = FamilyHindsight {
            family: family.clone(),
            horizon_h: f64::from(horizon_days) * 24.0,
            is_demo: plant.tenant.is_demo,
            assets: 0,
            forecasts: 0,
            failures: 0,
            with_health: 0,
            moments: None,
            result: Err(say("models.withheld.no_prior")),
        };
        let Some(usual) = usual_life(&family) else {
            return Ok(back);
        };
        let fed_of = |id: &AssetId| {
            let entry = plant.assets.get(id);
            entry.map_or(Fed::MadeUp, |entry| fed(&plant, entry))
        };
        let histories = Histories::read(&self.0, &plant).await?;
        let lives = histories.lives(&plant, &family);
        let (assets, items): (Vec<AssetId>, Vec<_>) = lives
            .into_iter()
            .filter(|(id, _)| fed_of(id) != Fed::MadeUp)
            .unzip();
        let moments =
            known_since(&items).map_or_else(Vec::new, |s| hindsight::moments(s, now, horizon_ms));
        // A health counts only where nothing it was made from is made up.
        let with_health: Vec<AssetId> = assets
            .iter()
            .copied()
            .filter(|id| fed_of(id) == Fed::Own)
            .collect();
        let known = conditions(&self.0, tenant, with_health, moments.clone()).await?;
        let of_then = tokio::task::spawn_blocking(move || {
            let condition =
                |item: usize, at: Timestamp| known.get(&(*assets.get(item)?, at)).copied();
            forecasts(&usual, &items, &moments, horizon_ms, GAMMA, condition)
        })
        .await
        .map_err(|_| broken())?;
        let Ok(of_then) = of_then else {
            back.result = Err(say("models.withheld.bad_input"));
            return Ok(back);
        };
        let mut items: Vec<usize> = of_then.iter().map(|f| f.item).collect();
        items.sort_unstable();
        items.dedup();
        let of = |is: fn(&&Forecast) -> bool| count(of_then.iter().filter(is).count());
        back.assets = count(items.len());
        back.forecasts = count(of_then.len());
        back.failures = of(|f| f.failed);
        back.with_health = of(|f| f.has_condition);
        back.moments = of_then
            .first()
            .zip(of_then.last())
            .map(|(a, b)| (a.at, b.at));
        back.result = judge(&of_then).map_err(too_few);
        Ok(back)
    }
}
