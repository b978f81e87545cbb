//! Made lives that wear: what is left of them, how sure that is, and when nothing is said.

use super::*;

/// Lives of 60 to 160 rows that wear towards their end, in two ways to run.
fn lives(n: usize, seed: u64) -> Vec<Vec<Vec<f64>>> {
    let mut random = Random::new(seed);
    (0..n)
        .map(|_| {
            let length = 60 + random.below(100);
            (0..length)
                .map(|i| {
                    let left = (length - 1 - i) as f64;
                    let wear = (-left / 25.0).exp();
                    let load = if random.unit() < 0.5 { 10.0 } else { 30.0 };
                    vec![
                        load + 0.1 * random.normal(),
                        load * 2.0 + 6.0 * wear + random.normal(),
                        100.0 - load - 5.0 * wear + random.normal(),
                        7.0,
                    ]
                })
                .collect()
        })
        .collect()
}

fn inputs() -> Vec<String> {
    ["load", "temperature", "pressure", "constant"]
        .map(str::to_owned)
        .to_vec()
}

fn config() -> RulConfig {
    let boost = BoostConfig {
        rounds: 60,
        rate: 0.1,
        min_leaf: 30,
        ..BoostConfig::default()
    };
    RulConfig {
        horizon: 60.0,
        bags: 1,
        boost,
        ..RulConfig::default()
    }
}

fn learn(ended: &[Vec<Vec<f64>>], config: &RulConfig) -> Result<RulModel, Withheld> {
    RulModel::learn(
        &Lives {
            inputs: &inputs(),
            ended,
            operating: &[(0, 1.0)],
        },
        config,
    )
}

#[test]
fn tells_the_end_from_the_middle_and_nine_of_ten_truths_lie_inside() {
    let model = learn(&lives(60, 1), &config()).unwrap();
    let mut random = Random::new(3);
    let (mut off, mut plain, mut inside, mut n) = (0.0, 0.0, 0, 0);
    for life in lives(80, 2) {
        for _ in 0..4 {
            let seen = 21 + random.below(life.len() - 21);
            let truth = ((life.len() - seen) as f64).min(60.0);
            let found = model.remaining(&life[..seen]).unwrap();
            assert!(found.low <= found.expected && found.expected <= found.high);
            off += (found.expected - truth).powi(2);
            plain += (40.0 - truth).powi(2);
            inside += usize::from((found.low..=found.high).contains(&truth));
            n += 1;
        }
    }
    assert!(off < 0.4 * plain, "{off} {plain}");
    let share = inside as f64 / f64::from(n);
    assert!((0.84..=0.97).contains(&share), "{share}");
}

#[test]
fn says_why_it_says_nothing() {
    assert_eq!(
        learn(&lives(9, 1), &config()),
        Err(Withheld::NotEnoughFailures { have: 9, need: 10 })
    );
    let model = learn(&lives(40, 1), &config()).unwrap();
    let life = &lives(1, 5)[0];
    assert_eq!(
        model.remaining(&life[..19]),
        Err(Withheld::NotEnoughData { have: 19, need: 20 })
    );
    assert_eq!(model.supported(&life[..25]), Err(Withheld::NoTrend));
    assert!(model.supported(life).unwrap().expected < 15.0);
    let mut odd = life.clone();
    odd.last_mut().unwrap()[0] = 90.0;
    assert_eq!(model.remaining(&odd), Err(Withheld::OutsideExperience));
    odd.last_mut().unwrap().pop();
    assert_eq!(model.remaining(&odd), Err(Withheld::BadInput));
    let still = vec![vec![vec![1.0; 4]; 80]; 12];
    assert_eq!(learn(&still, &config()), Err(Withheld::BadInput));
}

#[test]
fn shuffled_ends_teach_nothing() {
    // Every life is cut at a random moment and called a failure there.
    let mut random = Random::new(11);
    let cut: Vec<Vec<Vec<f64>>> = lives(60, 1)
        .into_iter()
        .map(|l| l[..25 + random.below(20)].to_vec())
        .collect();
    let model = learn(
        &cut,
        &RulConfig {
            horizon: 20.0,
            ..config()
        },
    )
    .unwrap();
    let (mut off, mut plain) = (0.0, 0.0);
    for life in lives(60, 2) {
        let truth = random.below(20) as f64;
        off += (model
            .remaining(&life[..life.len() - truth as usize - 1])
            .unwrap()
            .expected
            - truth)
            .powi(2);
        plain += (10.0 - truth).powi(2);
    }
    assert!(off > 0.9 * plain, "{off} {plain}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_and_two_threads() {
    let ended = lives(20, 1);
    let bytes = |threads| {
        let boost = BoostConfig {
            threads,
            rounds: 20,
            ..config().boost
        };
        serde_json::to_vec(&learn(&ended, &RulConfig { boost, ..config() }).unwrap()).unwrap()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_eq!(bytes(1), bytes(2));
}
