//! The texts of the notice, in each language of the built-in page.
//!
//! They are plain text, like those of the page (`page/texts.rs`), which the notice uses, too.

use crate::negotiate;
use crate::page::{TEXTS as PAGES, Texts as PageTexts};

/// The texts of the notice in one language.
#[derive(Debug)]
pub(super) struct Texts {
    /// The heading of a maintenance that is announced.
    pub(super) planned: &'static str,
    /// Nothing is announced or going on.
    pub(super) nothing: &'static str,
    /// What an announced maintenance means for the reader.
    pub(super) will_be_closed: &'static str,
    /// The same, if only changes are refused.
    pub(super) will_be_read_only: &'static str,
    /// A share of the readers is let in.
    pub(super) reopening: &'static str,
    /// A planned maintenance does not take place.
    pub(super) cancelled: &'static str,
    /// The label of the start, with the colon.
    pub(super) begins: &'static str,
    /// The label of the expected end, with the colon.
    pub(super) ends: &'static str,
    /// In the last minutes before the site closes.
    pub(super) soon: &'static str,
    /// In the last minutes before changes are refused.
    pub(super) soon_read_only: &'static str,
    /// The link to the page.
    pub(super) details: &'static str,
    /// The button that hides the bar.
    pub(super) dismiss: &'static str,
    /// The link to the calendar.
    pub(super) calendar: &'static str,
}

/// A language of the notice.
#[derive(Clone, Copy, Debug)]
pub struct Language {
    page: &'static PageTexts,
    texts: &'static Texts,
}

impl Language {
    /// All languages, English first.
    pub fn all() -> impl Iterator<Item = Self> {
        PAGES.iter().zip(&TEXTS).map(|(page, texts)| Self { page, texts })
    }

    /// The language that Accept-Language prefers, or English.
    pub fn choose(accept_language: Option<&[u8]>) -> Self {
        let tags = PAGES.iter().map(|page| page.lang);
        let chosen = negotiate::language(accept_language, tags).and_then(|at| Self::all().nth(at));
        let [page, ..] = &PAGES;
        let [texts, ..] = &TEXTS;
        chosen.unwrap_or(Self { page, texts })
    }

    /// The language tag (BCP 47).
    pub fn tag(self) -> &'static str {
        self.page.lang
    }

    /// Nothing is announced or going on.
    pub fn nothing(self) -> &'static str {
        self.texts.nothing
    }

    /// The label of the start, with the colon.
    pub fn begins(self) -> &'static str {
        self.texts.begins
    }

    /// The label of the expected end, with the colon.
    pub fn ends(self) -> &'static str {
        self.texts.ends
    }

    /// The maintenance takes longer than expected.
    pub fn overdue(self) -> &'static str {
        self.page.overdue
    }

    pub(super) fn page(self) -> &'static PageTexts {
        self.page
    }

    pub(super) fn texts(self) -> &'static Texts {
        self.texts
    }
}

/// The texts, in the order of the page's languages.
const TEXTS: [Texts; PAGES.len()] = [
    Texts {
        planned: "Planned maintenance",
        nothing: "No maintenance is planned",
        will_be_closed: "The site will be closed during this time.",
        will_be_read_only: "During this time you can read, but changes cannot be saved.",
        reopening: "The site is reopening. Not everybody is let in yet.",
        cancelled: "This maintenance has been cancelled.",
        begins: "Begins:",
        ends: "Expected end:",
        soon: "The site is about to close. Please save your work now.",
        soon_read_only: "Soon changes can no longer be saved. Please save your work now.",
        details: "Details",
        dismiss: "Dismiss",
        calendar: "Subscribe to the calendar",
    },
    Texts {
        planned: "Geplante Wartungsarbeiten",
        nothing: "Es sind keine Wartungsarbeiten geplant",
        will_be_closed: "In dieser Zeit ist die Website nicht erreichbar.",
        will_be_read_only: "In dieser Zeit können Sie lesen, aber keine Änderungen speichern.",
        reopening: "Die Website wird wieder geöffnet. Noch werden nicht alle eingelassen.",
        cancelled: "Diese Wartungsarbeiten finden nicht statt.",
        begins: "Beginn:",
        ends: "Voraussichtliches Ende:",
        soon: "Die Website wird gleich geschlossen. Bitte speichern Sie jetzt Ihre Arbeit.",
        soon_read_only: "Gleich lassen sich keine Änderungen mehr speichern. Bitte speichern Sie \
                         jetzt Ihre Arbeit.",
        details: "Einzelheiten",
        dismiss: "Ausblenden",
        calendar: "Kalender abonnieren",
    },
    Texts {
        planned: "Maintenance prévue",
        nothing: "Aucune maintenance n’est prévue",
        will_be_closed: "Le site sera inaccessible pendant cette période.",
        will_be_read_only: "Pendant cette période, la consultation restera possible, mais aucune \
                            modification ne pourra être enregistrée.",
        reopening: "Le site rouvre progressivement. Tout le monde n’y a pas encore accès.",
        cancelled: "Cette maintenance a été annulée.",
        begins: "Début\u{a0}:",
        ends: "Fin prévue\u{a0}:",
        soon: "Le site va bientôt fermer. Veuillez enregistrer votre travail maintenant.",
        soon_read_only: "Les modifications ne pourront bientôt plus être enregistrées. Veuillez \
                         enregistrer votre travail maintenant.",
        details: "Détails",
        dismiss: "Masquer",
        calendar: "S’abonner au calendrier",
    },
    Texts {
        planned: "Mantenimiento previsto",
        nothing: "No hay ningún mantenimiento previsto",
        will_be_closed: "El sitio no estará disponible durante ese tiempo.",
        will_be_read_only: "Durante ese tiempo podrá consultar el contenido, pero no será posible \
                            guardar cambios.",
        reopening: "El sitio se está reabriendo. Todavía no pueden entrar todos.",
        cancelled: "Este mantenimiento se ha cancelado.",
        begins: "Inicio:",
        ends: "Fin previsto:",
        soon: "El sitio está a punto de cerrarse. Guarde ahora su trabajo.",
        soon_read_only: "Pronto no será posible guardar cambios. Guarde ahora su trabajo.",
        details: "Más información",
        dismiss: "Ocultar",
        calendar: "Suscribirse al calendario",
    },
    Texts {
        planned: "Manutenzione programmata",
        nothing: "Nessuna manutenzione in programma",
        will_be_closed: "In questo periodo il sito non sarà disponibile.",
        will_be_read_only: "In questo periodo sarà possibile leggere, ma non salvare modifiche.",
        reopening: "Il sito sta riaprendo. Non tutti possono ancora accedere.",
        cancelled: "Questa manutenzione è stata annullata.",
        begins: "Inizio:",
        ends: "Fine prevista:",
        soon: "Il sito sta per chiudere. Si prega di salvare subito il lavoro.",
        soon_read_only: "Tra poco non sarà più possibile salvare modifiche. Si prega di salvare \
                         subito il lavoro.",
        details: "Dettagli",
        dismiss: "Nascondi",
        calendar: "Abbonati al calendario",
    },
    Texts {
        planned: "Manutenção prevista",
        nothing: "Não há manutenção prevista",
        will_be_closed: "O site estará indisponível durante este período.",
        will_be_read_only: "Durante este período será possível ler, mas não guardar alterações.",
        reopening: "O site está a reabrir. Nem todos podem entrar ainda.",
        cancelled: "Esta manutenção foi cancelada.",
        begins: "Início:",
        ends: "Fim previsto:",
        soon: "O site vai fechar em breve. Guarde agora o seu trabalho.",
        soon_read_only: "Em breve deixará de ser possível guardar alterações. Guarde agora o seu \
                         trabalho.",
        details: "Mais informações",
        dismiss: "Ocultar",
        calendar: "Subscrever o calendário",
    },
    Texts {
        planned: "Gepland onderhoud",
        nothing: "Er is geen onderhoud gepland",
        will_be_closed: "In deze periode is de website niet bereikbaar.",
        will_be_read_only: "In deze periode kunt u lezen, maar geen wijzigingen opslaan.",
        reopening: "De website gaat weer open. Nog niet iedereen wordt toegelaten.",
        cancelled: "Dit onderhoud gaat niet door.",
        begins: "Begin:",
        ends: "Verwacht einde:",
        soon: "De website gaat zo dicht. Sla uw werk nu op.",
        soon_read_only: "Straks kunt u geen wijzigingen meer opslaan. Sla uw werk nu op.",
        details: "Meer informatie",
        dismiss: "Verbergen",
        calendar: "Abonneren op de agenda",
    },
    Texts {
        planned: "Planowana przerwa techniczna",
        nothing: "Nie planujemy przerwy technicznej",
        will_be_closed: "W tym czasie witryna będzie niedostępna.",
        will_be_read_only: "W tym czasie będzie można przeglądać treści, ale nie zapisywać zmian.",
        reopening: "Witryna jest ponownie otwierana. Jeszcze nie wszyscy mają dostęp.",
        cancelled: "Ta przerwa techniczna została odwołana.",
        begins: "Początek:",
        ends: "Przewidywany koniec:",
        soon: "Witryna zostanie zaraz zamknięta. Prosimy teraz zapisać swoją pracę.",
        soon_read_only: "Wkrótce zapisywanie zmian nie będzie możliwe. Prosimy teraz zapisać \
                         swoją pracę.",
        details: "Szczegóły",
        dismiss: "Ukryj",
        calendar: "Subskrybuj kalendarz",
    },
    Texts {
        planned: "メンテナンスのお知らせ",
        nothing: "メンテナンスの予定はありません",
        will_be_closed: "この時間帯はサイトをご利用いただけません。",
        will_be_read_only: "この時間帯は閲覧のみ可能で、変更を保存することはできません。",
        reopening: "サイトを順次再開しています。まだご利用いただけない方もいらっしゃいます。",
        cancelled: "このメンテナンスは中止になりました。",
        begins: "開始日時：",
        ends: "終了予定日時：",
        soon: "まもなくサイトを停止します。今すぐ作業を保存してください。",
        soon_read_only: "まもなく変更を保存できなくなります。今すぐ作業を保存してください。",
        details: "詳細",
        dismiss: "閉じる",
        calendar: "カレンダーを購読する",
    },
    Texts {
        planned: "计划维护",
        nothing: "目前没有计划的维护",
        will_be_closed: "在此期间网站将暂停访问。",
        will_be_read_only: "在此期间可以浏览，但无法保存更改。",
        reopening: "网站正在逐步恢复，部分用户暂时还无法访问。",
        cancelled: "此次维护已取消。",
        begins: "开始时间：",
        ends: "预计结束时间：",
        soon: "网站即将关闭，请立即保存您的工作。",
        soon_read_only: "即将无法保存更改，请立即保存您的工作。",
        details: "详情",
        dismiss: "关闭提示",
        calendar: "订阅日历",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(texts: &Texts) -> [&'static str; 13] {
        let Texts { planned, nothing, will_be_closed, will_be_read_only, .. } = texts;
        let Texts { reopening, cancelled, begins, ends, soon, soon_read_only, .. } = texts;
        let Texts { details, dismiss, calendar, .. } = texts;
        [
            planned,
            nothing,
            will_be_closed,
            will_be_read_only,
            reopening,
            cancelled,
            begins,
            ends,
            soon,
            soon_read_only,
            details,
            dismiss,
            calendar,
        ]
    }

    #[test]
    fn sentences_are_plain_text_on_one_line() {
        for texts in &TEXTS {
            for sentence in sentences(texts) {
                assert_eq!(sentence, sentence.trim());
                assert!(!sentence.is_empty() && !sentence.contains("  "), "{sentence}");
                assert!(!sentence.contains(['<', '>', '&', '\n', '\t']), "{sentence}");
            }
        }
    }

    /// A sentence that was copied and not translated would be found here. Single words can be the
    /// same in two languages.
    #[test]
    fn every_language_has_sentences_of_its_own() {
        for (number, texts) in TEXTS.iter().enumerate() {
            for earlier in &TEXTS[..number] {
                for (one, other) in sentences(texts).iter().zip(sentences(earlier)) {
                    assert!(*one != other || !one.contains([' ', '、', '，']), "{one}");
                }
            }
        }
    }

    #[test]
    fn languages() {
        for (value, expected) in [
            (None, "en"),
            (Some("de-AT, en;q=0.5"), "de"),
            (Some("zh-CN"), "zh-Hans"),
            (Some("tlh"), "en"),
            (Some(""), "en"),
        ] {
            let language = Language::choose(value.map(str::as_bytes));
            assert_eq!(language.tag(), expected, "{value:?}");
        }
        assert_eq!(Language::choose(Some(b"ja")).texts().details, "詳細");
    }
}
