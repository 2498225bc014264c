/** The mark, as favicon; drawn in components/top.tsx too. */
export const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 18 16"><style>path{fill:#2f6b3d}@media(prefers-color-scheme:dark){path{fill:#7cc48b}}</style><path d="M9 0 0 7v9h6v-5a3 3 0 0 1 6 0v5h6V7z"/></svg>';
