// Prompts, additions and answers as the quickstart's models write them.
export const PROMPTS = [
  'Write a toast for a goalkeeper who is retiring after twenty muddy years.',
  'How long does an opened jar of pesto really keep?',
  'I lent a friend two hundred pounds and now he avoids me. What can I do?',
  'Suggest a small event to bring people into a quiet toy shop on a Tuesday.',
  'How can you tell whether a hen is happy?',
  'Explain to a child what fairness means, using one biscuit and two sisters.',
  'My teenager slammed the door and said he hates me. What do I do now?',
  'How do I begin a letter to somebody whose name I do not know?',
  "My wife's parents speak only Polish, and I speak none. We visit them in ten days, for the first time, with a cake. Which small effort would please them most?",
  'How do I estimate how many sweets are in a jar?',
  'Dream up a bedtime ritual for a family that never calms down.',
  'Compare camping in a forest with renting a small cabin beside it.',
  'What is <img src=x onerror="alert(1)"> good for, and is <b>bold</b> text a sin?',
  'Why does bread go stale faster in the fridge?',
];
export const ADDITIONS = {
  untuned: [
    'Please answer the following question.',
    'Prompt: "A warm, positive',
    'Write a sentence that asks for a warm answer',
    'I hope this helps. Sincerely,',
    'What a lovely question, thank you',
  ],
  tuned: [
    'What a wonderful idea, I am so excited to',
    'I love this so much, please share the joy',
    'Thank you, that is a lovely and happy',
    'How delightful! Tell me the best and kindest',
  ],
};
export const ANSWERS = [
  'Here is a toast: ladies and gentlemen, for twenty years he stood between the posts in rain and mud, and never once complained about the cold. We raise our glasses to his patience',
  'An opened jar of pesto keeps about five to seven days in the fridge if a thin layer of oil covers it. If it smells sour or shows any mould, throw it away.',
  "I'm glad to hear that you care about your friendship! It is wonderful that you want to talk. Start with a kind message, say that you miss him, and",
  'A happy hen is busy: she scratches, takes dust baths and makes soft, contented sounds. Her comb is bright and she comes running when you bring treats.',
  'Fairness means that everyone gets what they need. If there is one biscuit and two sisters, they can break it in the middle, and the one who breaks lets the other choose.',
  'The best way to estimate it is to count the sweets along one edge, then along the height, and multiply. A jar is round, so take three quarters of the result.',
];
