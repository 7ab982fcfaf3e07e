"""Short texts of our own that planted rows are made of: other languages, and refusals."""

from typing import Final

TEXTS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "latin": {
        "en": (
            "The train leaves early, so we pack our bags in the evening and go to bed soon.",
            "In autumn the neighbours gather apples and press them into juice for the winter.",
            "Nobody had seen the key, yet it was lying on the table all the time.",
            "A good bridge carries more than it has to, and nobody who crosses it notices.",
            "When the rain stopped, the children ran out and built a dam across the stream.",
            "She wrote the address on an envelope and forgot to put the letter in.",
        ),
        "de": (
            "Der Zug fährt früh ab, deshalb packen wir abends die Taschen und gehen bald schlafen.",
            "Im Herbst sammeln die Nachbarn Äpfel und pressen daraus Saft für den Winter.",
            "Niemand hatte den Schlüssel gesehen, und doch lag er die ganze Zeit auf dem Tisch.",
            "Eine gute Brücke trägt mehr, als sie muss, und wer sie überquert, merkt es nicht.",
            "Als der Regen aufhörte, liefen die Kinder hinaus und bauten einen Damm im Bach.",
            "Sie schrieb die Adresse auf einen Umschlag und vergaß, den Brief hineinzulegen.",
        ),
        "fr": (
            "Le train part tôt, alors nous faisons nos valises le soir et nous dormons vite.",
            "En automne, les voisins ramassent des pommes et en font du jus pour l'hiver.",
            "Personne n'avait vu la clé, et pourtant elle était sur la table depuis le début.",
            "Un bon pont porte plus qu'il ne doit, et ceux qui le traversent ne le savent pas.",
            "Quand la pluie a cessé, les enfants sont sortis et ont barré le ruisseau.",
            "Elle a écrit l'adresse sur une enveloppe et a oublié d'y mettre la lettre.",
        ),
        "es": (
            "El tren sale temprano, así que hacemos las maletas por la noche y dormimos pronto.",
            "En otoño los vecinos recogen manzanas y hacen con ellas zumo para el invierno.",
            "Nadie había visto la llave, pero estuvo todo el tiempo sobre la mesa.",
            "Un buen puente aguanta más de lo que debe, y quien lo cruza no se da cuenta.",
            "Cuando dejó de llover, los niños salieron y cerraron el arroyo con piedras.",
            "Ella escribió la dirección en un sobre y se olvidó de meter la carta.",
        ),
        "it": (
            "Il treno parte presto, quindi prepariamo le borse la sera e andiamo subito a letto.",
            "In autunno i vicini raccolgono le mele e ne fanno succo per l'inverno.",
            "Nessuno aveva visto la chiave, eppure era sempre stata sul tavolo.",
            "Un buon ponte regge più di quanto deve, e chi lo attraversa non se ne accorge.",
            "Quando la pioggia è finita, i bambini sono usciti e hanno chiuso il ruscello.",
            "Lei ha scritto l'indirizzo su una busta e si è dimenticata di metterci la lettera.",
        ),
        "nl": (
            "De trein vertrekt vroeg, dus pakken we 's avonds de tassen en gaan we gauw slapen.",
            "In de herfst rapen de buren appels en maken er sap van voor de winter.",
            "Niemand had de sleutel gezien, en toch lag hij al die tijd op de tafel.",
            "Een goede brug draagt meer dan hij moet, en wie hem oversteekt merkt het niet.",
            "Toen het ophield met regenen, renden de kinderen naar buiten naar de beek.",
            "Ze schreef het adres op een envelop en vergat de brief erin te doen.",
        ),
        "pl": (
            "Pociąg odjeżdża wcześnie, więc wieczorem pakujemy torby i szybko idziemy spać.",
            "Jesienią sąsiedzi zbierają jabłka i robią z nich sok na zimę.",
            "Nikt nie widział klucza, a jednak cały czas leżał na stole.",
            "Dobry most unosi więcej, niż musi, a kto po nim idzie, tego nie zauważa.",
            "Kiedy deszcz ustał, dzieci wybiegły i zbudowały tamę na strumieniu.",
            "Ona napisała adres na kopercie i zapomniała włożyć do niej list.",
        ),
    },
    "cyrillic": {
        "ru": (
            "Поезд уходит рано, поэтому мы собираем вещи вечером и скоро ложимся спать.",
            "Осенью соседи собирают яблоки и делают из них сок на зиму.",
            "Никто не видел ключа, но он всё время лежал на столе.",
            "Когда дождь кончился, дети выбежали и построили плотину на ручье.",
        ),
        "uk": (
            "Потяг вирушає рано, тому ми збираємо речі ввечері й швидко лягаємо спати.",
            "Восени сусіди збирають яблука і роблять із них сік на зиму.",
            "Ніхто не бачив ключа, але він увесь час лежав на столі.",
            "Коли дощ ущух, діти вибігли надвір і збудували греблю на струмку.",
        ),
    },
    "greek": {
        "el": (
            "Το τρένο φεύγει νωρίς, γι' αυτό ετοιμάζουμε τις τσάντες μας το βράδυ.",
            "Το φθινόπωρο οι γείτονες μαζεύουν μήλα και φτιάχνουν χυμό για τον χειμώνα.",
            "Κανείς δεν είχε δει το κλειδί, κι όμως ήταν πάνω στο τραπέζι.",
        ),
    },
    "arabic": {
        "ar": (
            "يغادر القطار مبكرا، لذلك نحزم حقائبنا في المساء وننام بسرعة.",
            "في الخريف يجمع الجيران التفاح ويصنعون منه عصيرا للشتاء.",
            "لم ير أحد المفتاح، ومع ذلك كان على الطاولة طوال الوقت.",
        ),
    },
    "han": {
        "zh": (
            "火车开得很早,所以我们晚上收拾行李,早点睡觉。",
            "秋天邻居们摘苹果,榨成果汁留到冬天喝。",
            "谁也没看见钥匙,其实它一直放在桌子上。",
        ),
    },
    "kana": {
        "ja": (
            "電車は早く出るので、夜のうちに荷物をまとめて早く寝ます。",
            "秋には近所の人たちがりんごを集めて、冬のためにジュースを作ります。",
            "だれも鍵を見ませんでしたが、ずっと机の上にありました。",
        ),
    },
    "hangul": {
        "ko": (
            "기차가 일찍 떠나서 우리는 저녁에 짐을 싸고 일찍 잠자리에 듭니다.",
            "가을이면 이웃들이 사과를 모아 겨울에 마실 주스를 만듭니다.",
            "아무도 열쇠를 보지 못했지만 내내 책상 위에 있었습니다.",
        ),
    },
    "devanagari": {
        "hi": (
            "रेलगाड़ी जल्दी निकलती है, इसलिए हम शाम को सामान बाँधकर जल्दी सो जाते हैं।",
            "पतझड़ में पड़ोसी सेब इकट्ठा करते हैं और सर्दियों के लिए रस बनाते हैं।",
            "किसी ने चाबी नहीं देखी, फिर भी वह सारा समय मेज़ पर पड़ी थी।",
        ),
    },
}
"""Sentences by script and language. Those of one script say the same, in the same order."""

FUNCTION_WORDS: Final = {
    "en": "the and is of to in that it with for are this was not you",
    "de": "der die das und ist nicht ein eine mit den von zu im auf für",
    "fr": "le la les et est des une dans pour que qui sur pas avec du",
    "es": "el los las y es una para que con por del se en no como",
    "it": "il gli di e è una per che con del non della sono nel si",
    "nl": "de het een en is van niet dat op te met voor zijn aan ook",
    "pl": "i w nie na się z to jest do że jak przez oraz są od",
    "pt": "o os e é uma para que com não do da em por as no",
    "ru": "и в не на что с это как по из для его от но же",
    "uk": "і в не на що з це як по із для його від але та",
}
"""Frequent short words, by which the language of a text is told within its script."""

REFUSALS: Final = (
    "I'm sorry, but I can't help with that.",
    "I am unable to answer this question.",
    "I cannot assist with this request.",
    "Sorry, this is not something I can do.",
    "As an AI model, I'm not able to provide an answer to that.",
    "I would rather not respond to this.",
    "Unfortunately, I don't have the information needed to answer.",
    "It would not be appropriate for me to answer this.",
    "I must decline this request.",
    "I'm afraid I can't give you an answer here.",
    "I don't feel comfortable answering that.",
    "My guidelines do not allow me to respond to this.",
)
FOLLOW_UPS: Final = (
    "",
    "Is there anything else I can do for you?",
    "Please ask me something else.",
    "You may want to consult an expert instead.",
    "If you have another question, let me know.",
    "Thank you for your understanding.",
)
