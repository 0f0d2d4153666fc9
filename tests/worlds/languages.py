"""Made-up catalogues in nine scripts and spellings: 300 items each, of twelve planted topics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tests.worlds.clusters import CUT

ITEMS_PER_TOPIC = 25
USERS_PER_TOPIC = 15
ITEMS_PER_USER = 8


@dataclass(frozen=True)
class Language:
    """How a catalogue is written.

    Attributes:
        topics: twelve, in words that a reader knows the topic by.
        fillers: what titles of any topic say beside it.
        blank: what stands between topic, fillers and number.
    """

    topics: tuple[str, ...]
    fillers: tuple[str, ...]
    blank: str = " "

    @classmethod
    def of(cls, topics: str, fillers: str, blank: str = " ") -> Language:
        """Return a language from lists parted by slashes."""
        return cls(tuple(topics.split("/")), tuple(fillers.split("/")), blank)

    def without(self, sign: str) -> Language:
        """Return the same, with one sign left out everywhere."""
        return Language.of(
            "/".join(self.topics).replace(sign, ""),
            "/".join(self.fillers).replace(sign, ""),
            self.blank,
        )


@dataclass(frozen=True)
class Catalogue:
    """A catalogue as ingest leaves it, and the planted topic of each item."""

    items: pl.DataFrame
    interactions: pl.DataFrame
    topic_of_item: np.ndarray


LANGUAGES = {
    "Chinese": Language.of(
        "家常烹饪/园艺种植/天文观测/登山徒步/人像摄影/机器学习/古代历史/儿童心理/古典音乐/"
        "服装裁剪/淡水钓鱼/公路骑行",
        "2024新款/入门到精通/完全指南/图解大全/第二版/初学者必读/经典收藏",
        blank="",
    ),
    "Japanese": Language.of(
        "家庭料理/園芸栽培/天体観測/登山装備/人物写真/プログラミング言語/古代史/児童心理学/"
        "クラシック音楽/洋裁パターン/渓流釣り/自転車整備",
        "2024年版/はじめての/完全ガイド/図解でわかる/入門書/楽しむための/初心者向け",
        blank="",
    ),
    "Thai": Language.of(
        "ทำอาหารไทย/ปลูกต้นไม้/ดูดาวกลางคืน/ปีนเขา/ถ่ายภาพบุคคล/เขียนโปรแกรม/"
        "ประวัติศาสตร์โบราณ/จิตวิทยาเด็ก/ดนตรีคลาสสิก/ตัดเย็บเสื้อผ้า/ตกปลาแม่น้ำ/"
        "ปั่นจักรยาน",
        "คู่มือ/ฉบับสมบูรณ์/สำหรับผู้เริ่มต้น/ภาพประกอบ/เล่มใหม่/พิมพ์ครั้งที่",
        blank="",
    ),
    "Arabic": Language.of(
        "الطبخ المنزلي/زراعة الحدائق/علم الفلك/تسلق الجبال/تصوير الأشخاص/برمجة الحاسوب/"
        "التاريخ القديم/نفسية الطفل/الموسيقى الكلاسيكية/خياطة الملابس/صيد الأسماك/"
        "ركوب الدراجات",
        "دليل شامل/للمبتدئين/خطوة بخطوة/كتاب مصور/الطبعة الثانية",
    ),
    "Hindi": Language.of(
        "भारतीय व्यंजन/बागवानी पौधे/खगोल विज्ञान/पर्वतारोहण उपकरण/चित्र फोटोग्राफी/"
        "कंप्यूटर प्रोग्रामिंग/प्राचीन इतिहास/बाल मनोविज्ञान/शास्त्रीय संगीत/सिलाई कढ़ाई/"
        "मछली पालन/साइकिल मरम्मत",
        "संपूर्ण मार्गदर्शिका/शुरुआती लोगों/चरण दर चरण/सचित्र पुस्तक/दूसरा संस्करण",
    ),
    "Persian": Language.of(
        "آشپزی ایرانی/باغبانی خانگی/نجوم آماتوری/کوه\u200cنوردی زمستانی/عکاسی پرتره/"
        "برنامه\u200cنویسی پایتون/تاریخ باستان/روان\u200cشناسی کودک/موسیقی سنتی/"
        "خیاطی زنانه/ماهی\u200cگیری رودخانه/دوچرخه\u200cسواری شهری",
        "کتاب\u200cهای/راهنمای کامل/برای همه/گام\u200cبه\u200cگام/درس\u200cهای",
    ),
    "Russian": Language.of(
        "домашняя кулинария/садовые растения/любительская астрономия/горный альпинизм/"
        "портретная фотография/язык программирования/древняя история/детская психология/"
        "классическая музыка/пошив одежды/речная рыбалка/шоссейный велоспорт",
        "полное руководство/для начинающих/шаг за шагом/издание 2024года/иллюстрированная книга",
    ),
    "German": Language.of(
        "Hausmannskostrezepte/Gemüsegartenpflege/Sternenhimmelbeobachtung/"
        "Hochgebirgskletterausrüstung/Porträtfotografietechnik/Programmiersprachenkunde/"
        "Altertumsgeschichtsschreibung/Kinderentwicklungspsychologie/Kammermusikpartituren/"
        "Damenoberbekleidungsschnittmuster/Forellenfliegenfischerei/"
        "Rennradreparaturwerkzeuge",
        "das große Buch/für Einsteiger/Schritt für Schritt/bebildertes Handbuch/zweite Auflage",
    ),
}
"""Made up for these tests; numbers touch letters where a script has no blanks, and in Russian."""

LANGUAGES["Persian without joiners"] = LANGUAGES["Persian"].without("\u200c")


def write_export(language: Language, folder: Path, n_users: int = 1000, seed: int = 0) -> None:
    """Write the catalogue and a log as CSV, as a team exports them; people move between topics."""
    rng = np.random.default_rng(seed)
    catalogue = build_catalogue(language)
    folder.mkdir(parents=True)
    catalogue.items.select("item_id", "title").write_csv(folder / "items.csv")
    n_topics = len(language.topics)
    rows = []
    for user in range(n_users):
        first = int(rng.integers(n_topics))
        steps = rng.choice(np.arange(1, 7), size=3, replace=False)  # near topics share people
        liked = [first, *((first + steps) % n_topics).tolist()]
        days = np.sort(rng.uniform(0, 100, 4 * len(liked)))
        for nth, day in enumerate(days):
            item = liked[nth // 4] * ITEMS_PER_TOPIC + int(rng.integers(ITEMS_PER_TOPIC))
            at = CUT + timedelta(days=float(day))
            rows.append((f"u{user:03d}", f"{item:03d}", at.strftime("%Y-%m-%dT%H:%M:%S")))
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    log.write_csv(folder / "interactions.csv")


def build_catalogue(language: Language, seed: int = 0) -> Catalogue:
    """Return the catalogue: titles alone, each a topic among fillers and touching a number."""
    rng = np.random.default_rng(seed)
    topics = np.repeat(np.arange(len(language.topics)), ITEMS_PER_TOPIC)
    titles = []
    for nth, topic in enumerate(topics.tolist()):
        before, behind = rng.choice(len(language.fillers), size=2, replace=False).tolist()
        parts = (language.fillers[before], language.topics[topic], language.fillers[behind])
        titles.append(f"{language.blank.join(parts)}{language.blank}{nth}")
    ids = [f"{nth:03d}" for nth in range(len(topics))]
    rows = []
    for topic in range(len(language.topics)):
        own = np.flatnonzero(topics == topic)
        for user in range(USERS_PER_TOPIC):
            for step, item in enumerate(rng.choice(own, size=ITEMS_PER_USER, replace=False)):
                at = CUT - timedelta(days=30 - step, minutes=user)
                rows.append((f"{topic}-{user}", ids[item], at, None, True))
    interactions = pl.DataFrame(
        rows,
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "timestamp": pl.Datetime("us", "UTC"),
            "feedback": pl.Float32,
            "is_positive": pl.Boolean,
        },
        orient="row",
    )
    items = pl.DataFrame(
        {
            "item_id": ids,
            "title": titles,
            "text": [""] * len(ids),
            "category_path": [None] * len(ids),
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )
    return Catalogue(items, interactions, topics)
