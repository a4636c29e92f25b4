//! Whether other environments have to be ready first.

use api::Reason;
use render::TreePath;
use source::{Mirror, Revision};

use super::Pass;
use crate::{
    outcome::{Retry, Stop},
    registry::{Doubt, Wait},
    rendered,
    repos::News,
};

impl Pass<'_> {
    /// Why others have to be waited for, if they have.
    pub(super) async fn others(&mut self, news: &News) -> Option<Stop> {
        if self.environment.spec.depends_on.is_empty() {
            return None;
        }
        let followed = self.state.followed.as_ref()?;
        let head = followed.dealt_with.flatten()?.to_string();
        self.state.answers.retain(|doubt, _| doubt.head == head);
        let (reason, message) = loop {
            let registry = &self.context.registry;
            match registry.wait(self.key, &head, &self.state.answers)? {
                Wait::For(message) => break (Reason::DependencyNotReady, message),
                Wait::Cycle(circle) => {
                    break (
                        Reason::DependencyCycle,
                        format!(
                            "environments wait for each other: {circle}; take one dependsOn out"
                        ),
                    );
                }
                Wait::Perhaps(doubt) => {
                    let (mirror, asked) = (news.mirror.clone(), doubt.clone());
                    let answer = self.context.on_a_core(move || concerns(&*mirror?, &asked));
                    let answer = answer.await.ok().flatten().unwrap_or(true);
                    self.state.answers.insert(doubt, answer);
                }
            }
        };
        Some(Stop {
            reason,
            message,
            retry: Retry::OnChange,
        })
    }
}

/// Whether the head touches what the other environment read at the commit it saw last. Where that cannot be told, its
/// own status has to say that it got there.
fn concerns(mirror: &Mirror, doubt: &Doubt) -> Option<bool> {
    let path = TreePath::parse(&doubt.path)?;
    let seen = Revision::parse(&doubt.seen).ok()?;
    let head = Revision::parse(&doubt.head).ok()?;
    let then = rendered::render(mirror, &seen, &path).ok()?;
    Some(rendered::differs(mirror, &head, &then.memo))
}
