//! The texts of the built-in page, in each of its languages.
//!
//! They are plain text: the HTML page escapes them, and the text and JSON answers use them as well.
//! Each of them must be true wherever it is shown, with and without scripts.

/// The texts of the page in one language.
#[derive(Debug)]
pub(crate) struct Texts {
    /// The language tag (BCP 47).
    pub(crate) lang: &'static str,
    /// Title and heading: what is happening.
    pub(crate) title: &'static str,
    /// What it means for the reader.
    pub(crate) lead: &'static str,
    /// Replaces `lead` while only changes are refused.
    pub(crate) read_only: &'static str,
    /// What the reader can do about it.
    pub(crate) later: &'static str,
    /// Says that an open page returns to the site automatically. Only the HTML page shows it, once
    /// its script runs.
    pub(crate) waits: &'static str,
    /// The label of the expected end, with the colon, whose spacing and width depend on the
    /// language.
    pub(crate) expected: &'static str,
    /// The label of the time from which on this reader is let in.
    pub(crate) turn: &'static str,
    /// Replaces the expected end once that has passed.
    pub(crate) overdue: &'static str,
    /// The link that reloads the page.
    pub(crate) again: &'static str,
}

/// The languages of the built-in page. The first one is the default.
pub(crate) const TEXTS: [Texts; 10] = [
    Texts {
        lang: "en",
        title: "Down for maintenance",
        lead: "The site is closed while we work on it, and will be back as soon as that is done.",
        read_only: "You can read, but changes cannot be saved at the moment.",
        later: "Please try again later.",
        waits: "You can also leave this page open: the site will appear by itself once it is back.",
        expected: "Expected back:",
        turn: "You will be let in at",
        overdue: "This is taking longer than planned. We are sorry, and will be back as soon as we \
                  can.",
        again: "Try again now",
    },
    Texts {
        lang: "de",
        title: "Wartungsarbeiten",
        lead: "Während der Arbeiten ist die Website nicht erreichbar. Sobald wir fertig sind, ist \
               sie wieder für Sie da.",
        read_only: "Sie können lesen, aber Änderungen lassen sich zurzeit nicht speichern.",
        later: "Bitte versuchen Sie es später noch einmal.",
        waits: "Sie können diese Seite auch geöffnet lassen: Die Website erscheint von selbst, \
                sobald sie wieder da ist.",
        expected: "Voraussichtlich wieder da:",
        turn: "Sie werden eingelassen:",
        overdue: "Es dauert länger als geplant. Wir bitten um Entschuldigung und sind so bald wie \
                  möglich wieder da.",
        again: "Jetzt noch einmal versuchen",
    },
    Texts {
        lang: "fr",
        title: "Site en maintenance",
        lead: "Le site est inaccessible pendant l’intervention et sera de retour dès qu’elle sera \
               terminée.",
        read_only: "La consultation reste possible, mais aucune modification ne peut être enregistrée pour le moment.",
        later: "Veuillez réessayer plus tard.",
        waits: "Vous pouvez aussi laisser cette page ouverte\u{a0}: le site s’affichera de \
                lui-même dès son retour.",
        expected: "Retour prévu\u{a0}:",
        turn: "Vous pourrez entrer\u{a0}:",
        overdue: "L’intervention dure plus longtemps que prévu. Veuillez nous en excuser. Le site \
                  sera de retour dès que possible.",
        again: "Réessayer maintenant",
    },
    Texts {
        lang: "es",
        title: "Sitio en mantenimiento",
        lead: "El sitio no está disponible mientras trabajamos en él y volverá en cuanto \
               terminemos.",
        read_only: "Puede consultar el contenido, pero por el momento no es posible guardar cambios.",
        later: "Por favor, inténtelo de nuevo más tarde.",
        waits: "También puede dejar esta página abierta: el sitio aparecerá por sí solo en cuanto \
                vuelva a estar disponible.",
        expected: "Regreso previsto:",
        turn: "Podrá entrar:",
        overdue: "Los trabajos se están alargando más de lo previsto. Disculpe las molestias. \
                  Volveremos lo antes posible.",
        again: "Intentar de nuevo ahora",
    },
    Texts {
        lang: "it",
        title: "Sito in manutenzione",
        lead: "Durante i lavori il sito non è disponibile. Tornerà non appena saranno terminati.",
        read_only: "È possibile leggere, ma al momento le modifiche non possono essere salvate.",
        later: "Si prega di riprovare più tardi.",
        waits: "Si può anche lasciare aperta questa pagina: il sito apparirà da solo non appena \
                sarà di nuovo disponibile.",
        expected: "Ritorno previsto:",
        turn: "Potrà accedere:",
        overdue: "I lavori richiedono più tempo del previsto. Ci scusiamo per il disagio. Il sito \
                  tornerà il prima possibile.",
        again: "Riprova ora",
    },
    // Worded for readers in both Portugal and Brazil.
    Texts {
        lang: "pt",
        title: "Site em manutenção",
        lead: "O site está indisponível durante os trabalhos e voltará assim que estes terminarem.",
        read_only: "É possível ler, mas de momento não é possível guardar alterações.",
        later: "Por favor, tente novamente mais tarde.",
        waits: "Também pode deixar esta página aberta: o site aparecerá automaticamente assim que \
                voltar.",
        expected: "Retorno previsto:",
        turn: "Poderá entrar:",
        overdue: "A manutenção requer mais tempo do que o previsto. Lamentamos o atraso e \
                  voltaremos assim que possível.",
        again: "Tentar novamente agora",
    },
    Texts {
        lang: "nl",
        title: "Onderhoudswerkzaamheden",
        lead: "Tijdens de werkzaamheden is de website niet bereikbaar. Zodra we klaar zijn, \
               kunt u er weer terecht.",
        read_only: "U kunt lezen, maar wijzigingen kunnen op dit moment niet worden opgeslagen.",
        later: "Probeer het later nog eens.",
        waits: "U kunt deze pagina ook open laten staan: de website verschijnt vanzelf zodra die \
                er weer is.",
        expected: "Naar verwachting weer bereikbaar:",
        turn: "U wordt toegelaten:",
        overdue: "Het duurt langer dan gepland. Excuses voor het ongemak. We zijn zo snel \
                  mogelijk terug.",
        again: "Nu opnieuw proberen",
    },
    Texts {
        lang: "pl",
        title: "Przerwa techniczna",
        lead: "W czasie prac witryna jest niedostępna. Wróci, gdy tylko je zakończymy.",
        read_only: "Można przeglądać treści, ale zmian nie można w tej chwili zapisać.",
        later: "Prosimy spróbować ponownie później.",
        waits: "Można też pozostawić tę stronę otwartą: witryna pojawi się sama, gdy tylko znów \
                będzie dostępna.",
        expected: "Przewidywany powrót:",
        turn: "Zostaną Państwo wpuszczeni:",
        overdue: "Prace trwają dłużej, niż planowaliśmy. Przepraszamy za niedogodności. Wrócimy \
                  najszybciej, jak to możliwe.",
        again: "Spróbuj ponownie teraz",
    },
    Texts {
        lang: "ja",
        title: "ただいまメンテナンス中です",
        lead: "作業中はサイトをご利用いただけません。完了次第、再開いたします。",
        read_only: "閲覧はできますが、現在、変更を保存することはできません。",
        later: "しばらくしてから、もう一度お試しください。",
        waits: "このページを開いたままお待ちいただくこともできます。\
                再開後、自動的にサイトが表示されます。",
        expected: "再開予定日時：",
        turn: "ご利用いただける日時：",
        overdue: "作業が予定より長引いております。\
                  ご迷惑をおかけし、申し訳ございません。\
                  できるだけ早く再開いたします。",
        again: "今すぐ再試行",
    },
    Texts {
        lang: "zh-Hans",
        title: "网站维护中",
        lead: "维护期间网站暂停访问，完成后将立即恢复。",
        read_only: "目前可以浏览，但暂时无法保存更改。",
        later: "请稍后再试。",
        waits: "您也可以不关闭此页面，网站恢复后会自动显示。",
        expected: "预计恢复时间：",
        turn: "您可以进入的时间：",
        overdue: "维护时间超出预期，敬请谅解。我们会尽快恢复访问。",
        again: "立即重试",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(texts: &Texts) -> [&'static str; 9] {
        let Texts { lang: _, title, lead, read_only, later, waits, expected, turn, overdue, again } =
            texts;
        [title, lead, read_only, later, waits, expected, turn, overdue, again]
    }

    #[test]
    fn every_language_says_everything_in_words_of_its_own() {
        for (n, texts) in TEXTS.iter().enumerate() {
            for earlier in &TEXTS[..n] {
                assert_ne!(texts.lang, earlier.lang);
                for (a, b) in sentences(texts).iter().zip(sentences(earlier)) {
                    assert_ne!(*a, b, "{} and {}", texts.lang, earlier.lang);
                }
            }
        }
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

    #[test]
    fn english_comes_first() {
        assert_eq!(TEXTS[0].lang, "en");
        assert!(TEXTS[0].title.contains("maintenance"));
    }
}
