"""Words for the same feeling or manner, in the languages that replies are written in.

A paragraph is one meaning. Words that are near another one's meaning as well ("upset", "tense", "moved") are left out:
a reply that says no more leaves open which option it means.
"""

from __future__ import annotations

_FAMILIES = """
happy happiness happily joy joyful joyous joyfully glad cheerful cheerfully cheer delighted delight fröhlich glücklich
freude freudig froh heureux heureuse joie joyeux joyeuse contente feliz felices alegre alegría alegria contento
contenta felicidad felicidade felice gioia allegra allegro

sad sadness sadly sorrow sorrowful grief grieving grieves mournful heartbroken traurig traurigkeit
trauer triste tristes tristesse tristeza tristezza

angry anger angrily furious fury mad rage raging enraged irate wütend wut zorn zornig verärgert colère furieux
furieuse fâché fâchée enfadado enfadada enojado enojada enojo furioso furiosa furia ira raiva zangado zangada rabbia
arrabbiato arrabbiata

fearful fear fears fearfully afraid scared frightened terrified terror ängstlich angst furcht verängstigt peur effrayé
effrayée apeuré apeurée miedo asustado asustada medo assustado assustada temor paura spaventato spaventata

surprised surprise surprising astonished astonishment amazed überrascht überraschung surpris surprise sorprendido
sorprendida sorpresa surpreso surpresa sorpreso

disgusted disgust disgusting revolted repulsed angeekelt ekel dégoût dégoûté dégoûtée asco disgusto nojo

nervous nervousness nervously anxious anxiety anxiously nervös nervosität nerveux nerveuse nervosité nervioso nerviosa
nervosismo ansioso ansiosa ansiedad ansiedade

bored boredom uninterested gelangweilt langeweile ennui ennuyé ennuyée aburrido aburrida aburrimiento entediado
entediada annoiato annoiata

tired tiredness exhausted exhaustion müde müdigkeit fatigué fatiguée cansado cansada

calm calmly calmness ruhig calme tranquilo tranquila

sleepy drowsy drowsiness sleepiness

embarrassed embarrassment embarrassedly verlegen verlegenheit gêné gênée embarras avergonzado avergonzada vergüenza

amused amusement amusé amusée amusiert amüsiert

sarcastic sarcasm sarcastically sarkastisch sarkasmus sarcastique sarcasme sarcástico sarcástica sarcasmo

ironic irony ironically ironisch ironie ironique irónico ironía ironia

confused confusion confusedly bewildered verwirrt verwirrung confus confuse confundido confundida confusión confusão

lonely loneliness einsam einsamkeit soledad

jealous jealousy eifersüchtig eifersucht jaloux jalouse jalousie celoso celosa celos

proud pride proudly stolz fier fière fierté orgulloso orgullosa orgullo orgulhoso orgulhosa orgulho

relieved relief erleichtert erleichterung soulagé soulagée soulagement aliviado aliviada alivio alívio

guilty guilt schuld schuldgefühl schuldgefühle culpabilité culpa culpabilidad

grateful gratitude thankful gratefully thankfulness dankbar dankbarkeit reconnaissant reconnaissante gratitud gratidão

excited excitement excitedly aufgeregt

disappointed disappointment enttäuscht enttäuschung déçu déçue déception decepcionado decepcionada decepción decepção

apologise apologize apology apologises apologizes apologising apologizing apologetic

weep weeps weeping cry cries crying cried sob sobs sobbing sobbed tears tearful

laugh laughs laughing laughed laughter chuckle chuckles chuckling chuckled giggle giggles giggling giggled

offended offence offense insulted

envious envy envies neid neidisch envidia envidioso envidiosa inveja invidia

suspicious suspicion suspiciously distrust distrusts distrustful mistrust mistrusts mistrustful

contempt contemptuous disdain disdainful scorn scornful verachtung mépris desprecio

ashamed shame

regretful regret regrets remorse remorseful

hopeful hope hopes optimistic optimism hoffnung hoffnungsvoll espoir esperanza esperança

desperate desperation despair despairing

frustrated frustration frustrating

impatient impatience impatiently

curious curiosity intrigued neugier neugierig curiosité curiosidad

homesick homesickness

affectionate affection tenderness tender lovingly

hug hugs hugging hugged embrace embraces embracing embraced

shout shouts shouting shouted yell yells yelling yelled scream screams screaming screamed

comfort comforts comforting comforted console consoles consoling consoled soothe soothes soothing

argue argues arguing argued argument quarrel quarrels quarrelling quarreling quarreled quarrelled

reconcile reconciles reconciling reconciled reconciliation

joke jokes joking joked kidding jest jesting

tease teases teasing teased

mock mocks mocking mocked mockery ridicule ridicules ridiculing ridiculed

praise praises praising praised compliment compliments complimenting complimented

pretend pretends pretending pretended feign feigns feigning feigned fake fakes faking faked

leave leaves leaving depart departs departing departed

late delayed

mother mom mum mommy mummy

father dad daddy

child kid

children kids

doctor physician

lady woman

wallet purse
"""
# the forms of a verb, the first one its stem
_VERBS = """
go goes going went gone

break breaks breaking broke broken

sleep sleeps sleeping slept

oversleep overslept

lose loses losing lost

take takes taking took taken

see sees seeing saw seen

hear hears hearing heard

forget forgets forgetting forgot forgotten

know knows knowing knew known

meet meets meeting met

run runs running ran

sit sits sitting sat

stand stands standing stood

speak speaks speaking spoke spoken

steal steals stealing stole stolen

tell tells telling told

think thinks thinking thought

write writes writing wrote written

fall falls falling fell fallen

fight fights fighting fought

drive drives driving drove driven

choose chooses choosing chose chosen

begin begins beginning began begun

hide hides hiding hid hidden

hold holds holding held

keep keeps keeping kept

lie lies lying lied

send sends sending sent

shake shakes shaking shook shaken

sing sings singing sang sung

throw throws throwing threw thrown

understand understands understanding understood

bring brings bringing brought

buy buys buying bought

catch catches catching caught

eat eats eating ate eaten

win wins winning won

wear wears wearing wore worn

pay pays paying paid

leave leaves leaving left

say says saying said

come comes coming came

grow grows growing grew grown
"""
# of languages that write no spaces; none is a part of an unrelated word
_UNSPACED_FAMILIES = """
happy 高兴 开心 快乐 喜悦 嬉しい 嬉し 喜び 기쁨 기쁘 행복

sad 悲伤 难过 伤心 悲しい 悲し 슬픔 슬프

angry 愤怒 生气 恼火 怒って 怒り 분노 화가

fearful 恐惧 害怕 恐怖 怖い 恐れ 두려

surprised 惊讶 吃惊 驚い 驚き 놀라 놀란

disgusted 厌恶 反感 嫌悪 혐오

nervous 紧张 焦虑 緊張 긴장

lonely 孤独 寂寞

proud 自豪 骄傲

jealous 嫉妒

embarrassed 尴尬

disappointed 失望

grateful 感激

guilty 内疚 愧疚

excited 兴奋 激动

confused 困惑 疑惑

tired 疲惫 疲倦

calm 平静 冷静

bored 无聊 厌倦 退屈 지루

sarcastic 讽刺 挖苦 皮肉 비꼬
"""


def _by_word(families: str) -> dict[str, str]:
    """Return the first word of its paragraph for every word that stands in one paragraph only."""
    found: dict[str, str] = {}
    for paragraph in families.strip().split("\n\n"):
        name, *others = paragraph.split()
        for word in (name, *others):
            found[word] = name if found.get(word, name) == name else ""
    return {word: name for word, name in found.items() if name}


FAMILY_OF = _by_word(f"{_FAMILIES}\n{_VERBS}")
UNSPACED_FAMILY_OF = _by_word(_UNSPACED_FAMILIES)
