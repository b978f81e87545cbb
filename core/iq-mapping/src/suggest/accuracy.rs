//! How often the matcher is right, measured on tags in the notations plants really use.
//!
//! `notations.csv` writes every second tag of the demo plant, and twenty odd ones, as a DCS, a PLC, a
//! folder tree, a historian, and people who write Arabic would. No tag in it says its metric key.

use std::collections::BTreeMap;

use super::*;
use crate::lessons_of;

struct Case {
    style: &'static str,
    tag: TagInfo,
    asset: &'static str,
    metric: &'static str,
}

/// Fields of a line; the fixture has no quotation marks.
fn cases() -> Vec<Case> {
    include_str!("notations.csv")
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&'static str> = line.split(',').collect();
            let [style, name, path, description, unit, asset, metric] = cells[..] else {
                panic!("{line}")
            };
            Case {
                style,
                tag: TagInfo {
                    name: name.into(),
                    path: path.into(),
                    description: description.into(),
                    unit: unit.into(),
                },
                asset,
                metric,
            }
        })
        .collect()
}

fn assets() -> Vec<SuggestAsset> {
    include_str!("../../../iq-plant/data/assets.csv")
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            SuggestAsset {
                id: AssetId::new(),
                code: cells[0].into(),
                family: cells[1].into(),
                names: Names {
                    en: cells[5].into(),
                    ar: cells[6].into(),
                },
            }
        })
        .collect()
}

/// (first, among three, all) by style.
type Scores = BTreeMap<&'static str, (usize, usize, usize)>;

fn measure(suggester: &Suggester, assets: &[SuggestAsset], cases: &[Case]) -> Scores {
    let mut scores = Scores::new();
    for case in cases {
        let id = assets.iter().find(|a| a.code == case.asset).unwrap().id;
        let is_right = |s: &Suggestion| s.asset == id && s.metric == case.metric;
        let found = suggester.suggest(&case.tag);
        let score = scores.entry(case.style).or_default();
        score.0 += usize::from(found.first().is_some_and(is_right));
        score.1 += usize::from(found.iter().take(3).any(is_right));
        score.2 += 1;
    }
    scores
}

fn total(scores: &Scores) -> (usize, usize, usize) {
    scores
        .values()
        .fold((0, 0, 0), |t, s| (t.0 + s.0, t.1 + s.1, t.2 + s.2))
}

fn show(title: &str, scores: &Scores) {
    eprintln!("{title}");
    for (style, (first, three, all)) in scores {
        eprintln!("  {style:<12} first {first:>3}  among three {three:>3}  of {all}");
    }
    let (first, three, all) = total(scores);
    eprintln!(
        "  {:<12} first {first:>3}  among three {three:>3}  of {all}",
        "all"
    );
}

#[test]
fn finds_most_tags_without_having_learned_anything() {
    let (assets, cases) = (assets(), cases());
    assert!(cases.len() >= 150);
    let suggester = Suggester::new(&assets, Lessons::default());
    let scores = measure(&suggester, &assets, &cases);
    show("untaught", &scores);
    let (first, three, all) = total(&scores);
    assert!(first * 100 >= all * 70, "first {first} of {all}");
    assert!(three * 100 >= all * 85, "among three {three} of {all}");
}

#[test]
fn half_of_the_plant_teaches_the_other_half() {
    let (assets, cases) = (assets(), cases());
    let (mut taught, mut asked) = (Vec::new(), Vec::new());
    for (n, case) in cases.into_iter().enumerate() {
        let half = if (n / 7) % 2 == 0 {
            &mut taught
        } else {
            &mut asked
        };
        half.push(case);
    }
    let mut lessons = Lessons::default();
    for case in &taught {
        let asset = assets.iter().find(|a| a.code == case.asset).unwrap();
        for lesson in lessons_of(&case.tag, asset.id, &asset.family, case.metric, true) {
            lessons.add(lesson);
        }
    }
    let before = measure(
        &Suggester::new(&assets, Lessons::default()),
        &assets,
        &asked,
    );
    let after = measure(&Suggester::new(&assets, lessons), &assets, &asked);
    show("the other half, untaught", &before);
    show("the other half, taught", &after);
    let ((before, ..), (first, three, all)) = (total(&before), total(&after));
    assert!(first > before, "{before} → {first} of {all}");
    assert!(first * 100 >= all * 80, "first {first} of {all}");
    assert!(three * 100 >= all * 90, "among three {three} of {all}");
}

#[test]
fn a_sure_suggestion_is_nearly_always_right() {
    let (assets, cases) = (assets(), cases());
    let suggester = Suggester::new(&assets, Lessons::default());
    let (mut right, mut sure) = (0, 0);
    for case in &cases {
        let Some(best) = suggester.suggest(&case.tag).into_iter().next() else {
            continue;
        };
        // The score from which the page offers to accept all.
        if best.score < 0.85 {
            continue;
        }
        sure += 1;
        let id = assets.iter().find(|a| a.code == case.asset).unwrap().id;
        right += usize::from(best.asset == id && best.metric == case.metric);
    }
    eprintln!("sure {sure} of {}, right {right}", cases.len());
    assert!(sure * 10 >= cases.len() * 2, "only {sure} are sure");
    assert!(
        right * 100 >= sure * 97,
        "{right} of {sure} sure ones are right"
    );
}
